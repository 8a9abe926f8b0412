"""Tokens of PyJWT and of djangorestframework-simplejwt, and a database of users with passwords as
Django writes them: tokens.py SECRET DATABASE prints the tokens and its address as JSON.
"""
import datetime, json, sqlite3, sys, time
import django, jwt
from django.conf import settings

_, secret, database = sys.argv
settings.configure(SECRET_KEY="of Django alone, and of no token", USE_TZ=True, INSTALLED_APPS=[
    "django.contrib.auth", "django.contrib.contenttypes"], SIMPLE_JWT={
    "SIGNING_KEY": secret, "ISSUER": "https://django.example", "AUDIENCE": "chat",
    "USER_ID_CLAIM": "sub", "ACCESS_TOKEN_LIFETIME": datetime.timedelta(minutes=5)})
django.setup()
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

class User:
    """As much of a user as a token is made for."""
    id = pk = 7
    is_active = True

def py_jwt(key=secret, **more):
    claims = {"iss": "https://app.example", "aud": "chat", "sub": "ann", "exp": time.time() + 600}
    return jwt.encode(claims | more, key, algorithm="HS256")

from django.contrib.auth.hashers import PBKDF2PasswordHasher

# Far fewer rounds than Django's: the server under test is a debug build.
stored = PBKDF2PasswordHasher().encode("sesame", "salt-of-the-test", iterations=1000)
with sqlite3.connect(database) as users:
    users.execute("create table users (name text primary key, active boolean, hash text)")
    users.executemany("insert into users values (?, ?, ?)", [("ann", True, stored), ("eve", False, stored)])
users.close()

print(json.dumps({
    "directory": "sqlite:" + database,
    "valid": py_jwt(),
    "expired": py_jwt(exp=int(time.time()) - 600),
    "not yet valid": py_jwt(nbf=int(time.time()) + 600),
    "wrong audience": py_jwt(aud="mail"),
    "wrong issuer": py_jwt(iss="https://other.example"),
    "foreign key": py_jwt("another secret, which is somebody else's"),
    "simplejwt access": str(AccessToken.for_user(User)),
    "simplejwt refresh": str(RefreshToken.for_user(User)),
}))
