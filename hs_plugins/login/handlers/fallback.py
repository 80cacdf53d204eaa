"""`/auth/{stage}/fallback/web`: stages as web pages, for clients that do not know them ("Fallback")."""

from __future__ import annotations

from html import escape
from string import Template
from urllib.parse import parse_qs

from starlette.responses import HTMLResponse, Response

from hs_core.errors import InvalidParam, MissingParam, NotFound
from hs_core.http.request import Request
from hs_plugins.login.interactive.stages import DUMMY, REGISTRATION_TOKEN, StageFailed
from hs_plugins.login.role import LoginRole

_PAGE = Template(
    """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>$title</title></head>
<body><h1>$title</h1>$body</body>
</html>
"""
)
_FORM = Template(
    """<p>$message</p>
<form method="post" action="?session=$session">$fields<button type="submit">Continue</button></form>"""
)
_TOKEN_FIELD = '<label>Registration token <input name="token" maxlength="64" autofocus required></label> '
_DONE = """<p>You may close this window and return to your client.</p>
<script>
if (window.onAuthDone) {
    window.onAuthDone();
} else if (window.opener && window.opener.postMessage) {
    window.opener.postMessage("authDone", "*");
}
</script>"""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; form-action 'self'",
    "Cache-Control": "no-store",
}


async def get_page(role: LoginRole, request: Request) -> Response:
    return _form(request, "")


async def post_page(role: LoginRole, request: Request) -> Response:
    """The stage is checked, and completed in the session that the page was opened for."""
    stage, session = request.params["stage"], _session(request)
    try:
        fields = parse_qs((await request.body()).decode(), max_num_fields=20)
    except ValueError:
        raise InvalidParam("The form is not readable") from None
    answer = {"token": fields.get("token", [""])[-1]}
    try:
        proof = await role.stages.check(_known(stage), answer, None, request.client_ip)
    except StageFailed as failure:
        return _form(request, str(failure), 401)
    await role.interactive.complete(session, stage, proof)
    return _page("Done", _DONE)


def _form(request: Request, message: str, status: int = 200) -> Response:
    stage, session = _known(request.params["stage"]), _session(request)
    fields = _TOKEN_FIELD if stage == REGISTRATION_TOKEN else ""
    form = _FORM.substitute(message=escape(message), session=escape(session), fields=fields)
    return _page("Authentication", form, status)


def _page(title: str, body: str, status: int = 200) -> Response:
    return HTMLResponse(_PAGE.substitute(title=title, body=body), status, _HEADERS)


def _known(stage: str) -> str:
    if stage not in {DUMMY, REGISTRATION_TOKEN}:
        raise NotFound("There is no page for this stage")
    return stage


def _session(request: Request) -> str:
    session = request.query_required("session")
    if not session.isalnum() or not session.isascii():
        raise MissingParam("The session is missing")
    return session
