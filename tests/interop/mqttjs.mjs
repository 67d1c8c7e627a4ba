// MQTT.js under the tests' command: one JSON object a line in, one a line out. The same protocol as paho_clients.py:
//   {"client":"a","do":"connect"|"subscribe"|"publish"|"disconnect"|"vanish", ...}
//   -> {"client":"a","kind":"answer", ...}      one for each command
//   -> {"client":"a","kind":"message", ...}     what comes in
//   -> {"client":"a","kind":"end","code":...}   the connection is over; the code is that of a v5 DISCONNECT
import fs from 'node:fs';
import readline from 'node:readline';
import mqtt from 'mqtt';

const clients = new Map();
const tell = (client, kind, rest) => process.stdout.write(JSON.stringify({ client, kind, ...rest }) + '\n');
const base64 = bytes => bytes === undefined ? undefined : Buffer.from(bytes).toString('base64');

function connect(name, c) {
    const client = mqtt.connect(c.url, {
        protocolVersion: c.version, clientId: c.clientId, clean: c.clean ?? true, keepalive: 30, reconnectPeriod: 0, connectTimeout: 15000,
        ca: fs.readFileSync(c.ca), cert: c.cert && fs.readFileSync(c.cert), key: c.key && fs.readFileSync(c.key),
        properties: c.version === 5 && c.expiry ? { sessionExpiryInterval: c.expiry } : undefined,
        will: c.will && { topic: c.will.topic, payload: Buffer.from(c.will.payload), qos: c.will.qos ?? 0, retain: c.will.retain ?? false },
    });
    clients.set(name, client);
    let answered = false, code = null;
    const answer = rest => { if (!answered) { answered = true; tell(name, 'answer', rest); } };
    client.on('connect', p => answer({ code: p.reasonCode ?? p.returnCode ?? 0, sessionPresent: p.sessionPresent, assigned: p.properties?.assignedClientIdentifier }));
    client.on('error', e => answer({ code: e.code > 0 ? e.code : -1, error: e.message }));
    client.on('disconnect', p => { code = p.reasonCode; });
    client.on('close', () => { answer({ code: -1, error: 'closed' }); tell(name, 'end', { code }); });
    client.on('message', (topic, payload, p) => tell(name, 'message', {
        topic, payload: payload.toString(), qos: p.qos, retain: p.retain, contentType: p.properties?.contentType, responseTopic: p.properties?.responseTopic,
        correlation: base64(p.properties?.correlationData), utf8: p.properties?.payloadFormatIndicator, expiry: p.properties?.messageExpiryInterval,
        user: Object.entries(p.properties?.userProperties ?? {}).flatMap(([n, v]) => [v].flat().map(one => [n, one])),
    }));
}

const user = pairs => pairs.reduce((all, [n, v]) => ({ ...all, [n]: all[n] === undefined ? v : [all[n], v].flat() }), {});

const commands = {
    connect,
    subscribe: (name, c) => clients.get(name).subscribe(c.filter, { qos: c.qos }, (error, granted, packet) =>
        tell(name, 'answer', { codes: (packet ?? error?.packet)?.granted ?? granted?.map(g => g.qos) ?? [], error: error?.message })),
    publish: (name, c) => clients.get(name).publish(c.topic, c.payload, {
        qos: c.qos, retain: c.retain ?? false,
        properties: !c.properties ? undefined : {
            contentType: c.properties.contentType, responseTopic: c.properties.responseTopic, correlationData: Buffer.from(c.properties.correlation, 'base64'),
            payloadFormatIndicator: true, messageExpiryInterval: c.properties.expiry, userProperties: user(c.properties.user),
        },
    }, error => tell(name, 'answer', { code: error ? error.code ?? -1 : 0, error: error?.message })),
    disconnect: name => clients.get(name).end(false, {}, () => tell(name, 'answer', { code: 0 })),
    vanish: name => { clients.get(name).stream.destroy(); tell(name, 'answer', { code: 0 }); },
};

const input = readline.createInterface({ input: process.stdin });
input.on('line', line => {
    const command = JSON.parse(line);
    try {
        commands[command.do](command.client, command);
    } catch (error) {
        tell(command.client, 'answer', { code: -1, error: String(error) });
    }
});
input.on('close', () => process.exit(0));
