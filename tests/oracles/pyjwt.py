"""Judges tokens with PyJWT: one JSON line each, the first one says the rules and the keys."""

import datetime
import json
import sys
import warnings

import jwt
import jwt.api_jwt

setup = json.loads(sys.stdin.readline())


class Now(datetime.datetime):
    """The time of judgement; PyJWT asks the system otherwise."""

    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(setup["now"], tz)


jwt.api_jwt.datetime = Now
warnings.simplefilter("error")
for line in sys.stdin:
    case = json.loads(line)
    key = setup["keys"][case["key"]]
    try:
        claims = jwt.decode(
            case["token"],
            key["secret"] or key["pem"],
            algorithms=[key["alg"]],
            issuer=setup["iss"],
            audience=setup["aud"],
            leeway=setup["leeway"],
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
        verdict = {"sub": claims["sub"], "exp": claims["exp"]}
    except (jwt.PyJWTError, ValueError) as why:
        verdict = {"why": f"{type(why).__name__}: {why}"}
    # What is no text, or no JSON, such as an infinite `exp`, is only shown.
    print(json.dumps({
        name: value.encode("utf-8", "backslashreplace").decode()
        if isinstance(value, str)
        else repr(value)
        for name, value in verdict.items()
    }))
