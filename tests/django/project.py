"""A Django project as others have it: auth_user, Simple JWT, and the callback of docs/directory.md.

`project.py sqlite:///PATH` or `project.py postgres:///DB?host=FOLDER&user=NAME` makes the tables,
serves, and says where: `{"port": 1234}`. Then each line of standard input is a JSON list, an order
and its arguments, and is answered with a line of JSON.
"""

import json
import sys
import threading
from datetime import timedelta
from hmac import compare_digest
from urllib.parse import parse_qs, urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings

KEY = "a-key-that-only-the-two-of-them-know"
SECRET = "sesame-sesame-sesame-sesame-sesame"


def database(url):
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": parts.path}
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "HOST": query["host"],
        "USER": query["user"],
    }


settings.configure(
    SECRET_KEY=SECRET,
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"],
    DATABASES={"default": database(sys.argv[1])},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    SIMPLE_JWT={"ACCESS_TOKEN_LIFETIME": timedelta(minutes=5)},
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpResponse, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402
from django.views.decorators.http import require_POST  # noqa: E402
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken  # noqa: E402
from rest_framework_simplejwt.views import TokenObtainPairView  # noqa: E402


@csrf_exempt
@require_POST
def users(request):
    shown = request.headers.get("Authorization", "").encode()
    if not compare_digest(shown, f"Bearer {KEY}".encode()):
        return HttpResponse(status=401)
    asked = json.loads(request.body)
    if asked["kind"] == "password":
        user = User.objects.filter(username=asked["user"]).first()
        if user is None or not user.check_password(asked["password"]):
            return JsonResponse({"status": "unknown"})
    else:
        user = User.objects.filter(pk=asked["subject"]).first()
    if user is None:
        return JsonResponse({"status": "unknown"})
    status = "active" if user.is_active else "disabled"
    return JsonResponse({"status": status, "subject": str(user.pk)})


urlpatterns = [
    path("token/", TokenObtainPairView.as_view()),
    path("internal/users", users),
]


def make(name):
    user = User.objects.create_user(name, password="sesame")
    return {"id": str(user.pk)}


def token(name, kind, lifetime_s):
    user = User.objects.get(username=name)
    made = (AccessToken if kind == "access" else RefreshToken).for_user(user)
    made.set_exp(lifetime=timedelta(seconds=lifetime_s))
    return {"token": str(made)}


def active(name, truth):
    return {"changed": User.objects.filter(username=name).update(is_active=truth)}


def delete(name):
    return {"deleted": User.objects.get(username=name).delete()[0]}


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def main():
    call_command("migrate", verbosity=0)
    server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"port": server.server_port}), flush=True)
    orders = {"make": make, "token": token, "active": active, "delete": delete}
    for line in sys.stdin:
        order, *arguments = json.loads(line)
        print(json.dumps(orders[order](*arguments)), flush=True)
    connection.close()


main()
