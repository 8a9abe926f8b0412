"""Tokens of PyJWT and of djangorestframework-simplejwt: tokens.py SECRET prints them as JSON."""
import datetime, json, sys, time
import django, jwt
from django.conf import settings

secret = sys.argv[1]
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

print(json.dumps({
    "valid": py_jwt(),
    "expired": py_jwt(exp=int(time.time()) - 600),
    "not yet valid": py_jwt(nbf=int(time.time()) + 600),
    "wrong audience": py_jwt(aud="mail"),
    "wrong issuer": py_jwt(iss="https://other.example"),
    "foreign key": py_jwt("another secret, which is somebody else's"),
    "simplejwt access": str(AccessToken.for_user(User)),
    "simplejwt refresh": str(RefreshToken.for_user(User)),
}))
