"""Eclipse Paho (1.6) under the tests' command; the protocol is that of mqttjs.mjs."""
import base64
import json
import queue
import select
import socket
import sys
import threading
from urllib.parse import urlparse

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

clients = {}
writing = threading.Lock()


def tell(client, kind, **rest):
    with writing:
        print(json.dumps({"client": client, "kind": kind, **rest}), flush=True)


def code_of(reason):
    return getattr(reason, "value", reason)


class Client:
    """One client, touched by one thread alone: Paho's web socket loses a packet when a command and the loop write at the same moment."""

    def __init__(self, name, c):
        self.name, self.v5, self.answered, self.code, self.mids = name, c["version"] == 5, False, None, set()
        url = urlparse(c["url"])
        options = {} if self.v5 else {"clean_session": c.get("clean", True)}
        self.mqtt = mqtt.Client(c["clientId"], protocol=mqtt.MQTTv5 if self.v5 else mqtt.MQTTv311,
                                transport="websockets" if url.scheme == "wss" else "tcp", **options)
        self.mqtt.ws_set_options(path=url.path)
        self.mqtt.tls_set(c["ca"], c.get("cert"), c.get("key"))
        if c.get("will"):
            self.mqtt.will_set(c["will"]["topic"], c["will"]["payload"], c["will"].get("qos", 0), c["will"].get("retain", False))
        self.mqtt.on_connect = self.on_connect
        self.mqtt.on_message = self.on_message
        self.mqtt.on_disconnect = self.on_disconnect
        self.mqtt.on_subscribe = lambda _c, _u, _m, codes, *_: tell(name, "answer", codes=[code_of(code) for code in codes])
        self.mqtt.on_publish = lambda _c, _u, mid: self.on_publish(mid)
        self.commands, (self.woken, self.waker) = queue.SimpleQueue(), socket.socketpair()
        threading.Thread(target=self.run, args=(url, c), daemon=True).start()

    def run(self, url, c):
        try:
            if self.v5:
                properties = Properties(PacketTypes.CONNECT)
                if c.get("expiry"):
                    properties.SessionExpiryInterval = c["expiry"]
                self.mqtt.connect(url.hostname, url.port, 30, clean_start=c.get("clean", True), properties=properties)
            else:
                self.mqtt.connect(url.hostname, url.port, 30)
            while self.step() == mqtt.MQTT_ERR_SUCCESS and self.mqtt.socket() is not None:
                pass
            self.answer(code=-1, error="closed")
        except Exception as error:
            self.answer(code=-1, error=str(error))
        tell(self.name, "end", code=self.code)

    def step(self):
        connected = self.mqtt.socket()
        read_ahead = hasattr(connected, "pending") and connected.pending() > 0
        readable, writable, _ = select.select([connected, self.woken], [connected] if self.mqtt.want_write() else [], [], 0 if read_ahead else 1)
        if self.woken in readable:
            self.woken.recv(4096)
            while not self.commands.empty():
                self.obey(self.commands.get())
        result = mqtt.MQTT_ERR_SUCCESS
        if read_ahead or connected in readable:
            result = self.mqtt.loop_read()
        if result == mqtt.MQTT_ERR_SUCCESS and self.mqtt.socket() is not None and connected in writable:
            result = self.mqtt.loop_write()
        return result or self.mqtt.loop_misc()

    def tell_to(self, command):
        self.commands.put(command)
        self.waker.send(b"!")

    def obey(self, command):
        try:
            getattr(self, command["do"])(command)
        except Exception as error:
            tell(self.name, "answer", code=-1, error=str(error))

    def answer(self, **rest):
        if not self.answered:
            self.answered = True
            tell(self.name, "answer", **rest)

    def on_connect(self, _client, _user, flags, reason, properties=None):
        self.answer(code=code_of(reason), sessionPresent=bool(flags["session present"]), assigned=getattr(properties, "AssignedClientIdentifier", None))

    def on_disconnect(self, _client, _user, reason, properties=None):
        if self.v5 and properties is not None:
            self.code = code_of(reason)

    def on_publish(self, mid):
        waited_for = mid in self.mids       # the callback comes before publish() returns, or after it
        self.mids ^= {mid}
        if waited_for:
            tell(self.name, "answer", code=None)    # this version of Paho does not pass on what a PUBACK says

    def on_message(self, _client, _user, message):
        p = getattr(message, "properties", None)
        correlation = getattr(p, "CorrelationData", None)
        tell(self.name, "message", topic=message.topic, payload=message.payload.decode(), qos=message.qos, retain=bool(message.retain),
             contentType=getattr(p, "ContentType", None), responseTopic=getattr(p, "ResponseTopic", None),
             correlation=None if correlation is None else base64.b64encode(correlation).decode(),
             utf8=bool(getattr(p, "PayloadFormatIndicator", 0)), expiry=getattr(p, "MessageExpiryInterval", None), user=getattr(p, "UserProperty", []))

    def subscribe(self, c):
        self.mqtt.subscribe(c["filter"], c["qos"])

    def publish(self, c):
        properties = None
        if c.get("properties"):
            given, properties = c["properties"], Properties(PacketTypes.PUBLISH)
            properties.ContentType, properties.ResponseTopic = given["contentType"], given["responseTopic"]
            properties.CorrelationData, properties.PayloadFormatIndicator = base64.b64decode(given["correlation"]), 1
            properties.MessageExpiryInterval, properties.UserProperty = given["expiry"], [tuple(pair) for pair in given["user"]]
        self.on_publish(self.mqtt.publish(c["topic"], c["payload"], c["qos"], c.get("retain", False), properties).mid)

    def vanish(self, _):
        connected = self.mqtt.socket()
        getattr(connected, "_socket", connected).shutdown(socket.SHUT_RDWR)
        tell(self.name, "answer", code=0)

    def disconnect(self, _):
        self.mqtt.disconnect()
        tell(self.name, "answer", code=0)


for line in sys.stdin:
    command = json.loads(line)
    if command["do"] == "connect":
        clients[command["client"]] = Client(command["client"], command)
    else:
        clients[command["client"]].tell_to(command)
