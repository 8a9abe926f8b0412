"""What an operator does with the project: prepare it, serve it, disable somebody."""

import os
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.wsgi import get_wsgi_application  # noqa: E402

application = get_wsgi_application()
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402


class Quiet(WSGIRequestHandler):
    """Logs nothing."""

    def log_message(self, *_):
        pass


match sys.argv[1:]:
    case ["prepare"]:
        call_command("migrate", verbosity=0)
        for name in ("alice", "bob"):
            User.objects.create_user(name, password="sesame-sesame-sesame")
    case ["disable", name]:
        User.objects.filter(username=name).update(is_active=False)
    case _:
        server = make_server("127.0.0.1", 0, application, handler_class=Quiet)
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
