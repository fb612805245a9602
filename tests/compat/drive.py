"""Plays a person against the aiogram bot through the control API; exits 1 when something differs."""

import json
import os
import subprocess
import sys
import time
import urllib.request

API, TOKEN = os.environ["API"], os.environ["TOKEN"]
BOT = int(TOKEN.split(":")[0])


def control(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{API}/control/{path}", data=data, timeout=30) as answer:
        return json.load(answer)


def wait_for(what, look):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = look()
        if found:
            print(f"ok    {what}")
            return found
        time.sleep(0.05)
    raise SystemExit(f"FAIL  {what}: not seen within 20 s")


def chat():
    return control(f"chat?bot={BOT}&user={USER}")


def sent(text):
    return lambda: next((m for m in chat()["messages"] if m["out"] and text in m.get("text", m.get("caption", ""))), None)


def person(path, **body):
    return control(path, {"bot": BOT, "user": USER, **body})


control("bot", {"token": TOKEN, "username": "compat_bot", "first_name": "Compat"})
USER = control("user", {"first_name": "Анна <3", "language_code": "ru"})["user"]["id"]
bot = subprocess.Popen([sys.executable, os.path.join(os.path.dirname(__file__), "aiogram_bot.py")], stdout=subprocess.PIPE, text=True)
try:
    control("user", {"id": USER, "first_name": "Анна"})
    wait_for("the bot polls", lambda: control("state")["bots"][0]["polling"])
    wait_for("its commands are shown", lambda: [c["command"] for c in chat()["commands"]] == ["gift"])
    person("start", payload="reels")
    hello = wait_for("deep link and HTML", sent("Здравствуйте, Анна! reels"))
    assert hello["entities"][0]["type"] == "bold", hello
    person("press", message_id=hello["message_id"], data="goal:weight")
    wait_for("press, toast, edit in place", sent("Цель: weight"))
    wait_for("contact keyboard", lambda: chat()["reply_keyboard"])
    person("contact", phone="+79990001122")
    reply = wait_for("contact answered with a reply", sent("Позвоним на +79990001122"))
    assert "contact" in reply["reply_to_message"] and chat()["reply_keyboard"] is None
    person("send", text="/gift")
    wait_for("upload, file_id, download, album", sent("Скачано: %PDF recipes"))
    person("photo", caption="вот")
    wait_for("photo downloaded", sent("байт: вот"))
    control("faults", {"rules": [{"method": "getUpdates", "kind": "502_html", "times": 1}, {"method": "getUpdates", "kind": "reset", "times": 1}]})
    person("send", text="эхо")
    wait_for("echo by copyMessage, after a 502 and a reset of polling", sent("эхо"))
    person("block", blocked=True)
    line = bot.stdout.readline().strip()
    assert line == "BLOCKED TelegramForbiddenError", line
    print("ok    a blocked bot gets 403")
    calls = control("journal?limit=1000")["calls"]
    broken = [(c["method"], c["violations"]) for c in calls if c["violations"]]
    if broken:
        raise SystemExit(f"FAIL  violations of the schema: {broken}")
    print(f"ok    {len(calls)} calls, none against the schema")
finally:
    bot.terminate()
    bot.wait(20)
