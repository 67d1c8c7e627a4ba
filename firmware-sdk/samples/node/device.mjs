// A device without our SDK, by docs/wire.md: it enrols by EST, connects with its certificate, publishes telemetry, answers commands and renews.
//   ENROLMENT_TOKEN=... node device.mjs <device id> <https://host:8443> <root fingerprint> [folder]
// BROKER_PORT is 8883 and INTERVAL (seconds between readings) 5 unless set; RENEW=1 renews at once.
import 'reflect-metadata';
import { createHash, webcrypto } from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import * as x509 from '@peculiar/x509';
import mqtt from 'mqtt';

const [id, server, pinned, folder = `${process.argv[2]}-data`] = process.argv.slice(2);
if (!pinned) {
    console.error('usage: node device.mjs <device id> <https://host:8443> <root fingerprint> [folder]');
    process.exit(2);
}
const file = name => path.join(folder, name);
const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
x509.cryptoProvider.set(webcrypto);
const answers = new Map();
let client, attempts = 0;
let seq = BigInt(Date.now()) * 1000n;                          // of the next message: rising, also over restarts
fs.mkdirSync(folder, { recursive: true, mode: 0o700 });

// 1. Who we are: a key, made here, and the certificate that the server gave for it. The next ones stand beside them until the server has let them in.
if (!fs.existsSync(file('device.pem'))) await enrol();
let slot = fs.existsSync(file('next-device.pem')) ? 'next-' : '';
if (process.env.RENEW === '1' && slot === '') await renew();
connect();
if (process.env.RENEW !== '1') setInterval(renewWhenDue, 3600_000).unref();

async function enrol() {
    // From a server that is not proved yet: only what has the fingerprint counts, and from then on TLS is held to it (RFC 7030 4.1.1).
    const offered = certificates(await est('GET', 'cacerts', undefined, { rejectUnauthorized: false }));
    const root = offered.find(one => createHash('sha256').update(Buffer.from(one.rawData)).digest('hex') === pinned.replaceAll(':', '').toLowerCase());
    if (!root) throw new Error(`No certificate of ${server} has the fingerprint ${pinned}: another server, or a mistake in it.`);
    write('root.pem', root.toString('pem'));
    // The key is kept before the token is spent: the same request again gets the same certificate.
    const answer = await est('POST', 'simpleenroll', await request(''), { ca: read('root.pem'), auth: `${id}:${process.env.ENROLMENT_TOKEN ?? ''}` });
    write('device.pem', certificates(answer)[0].toString('pem'));
    console.log(`enrolled ${id}`);
}

async function renew() {
    const own = { ca: read('root.pem'), cert: read('device.pem'), key: read('key.pem') };
    write('next-device.pem', certificates(await est('POST', 'simplereenroll', await request('next-'), own))[0].toString('pem'));
    slot = 'next-';
    console.log(`renewed ${id}`);
}

async function renewWhenDue() {
    const own = { ca: read('root.pem'), cert: read(slot + 'device.pem'), key: read(slot + 'key.pem') };
    const { start } = JSON.parse(await ask('GET', '/.well-known/iotfleet/v1/renewal-info', undefined, own));
    if (slot === '' && Date.parse(start) <= Date.now()) await renew().then(() => client.end(false, {}, connect));
}

/** The server's certificates may be in any order; ours is the one for our key, and it comes alone. */
function certificates(base64) {
    return [...new x509.X509Certificates(Buffer.from(base64, 'base64'))];
}

/** A signing request for the slot's key, which is made when there is none. */
async function request(which) {
    if (!fs.existsSync(file(which + 'key.pem'))) {
        const made = await webcrypto.subtle.generateKey(P256, true, ['sign', 'verify']);
        write(which + 'key.pem', x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', made.privateKey), 'PRIVATE KEY'));
    }
    const pkcs8 = x509.PemConverter.decodeFirst(read(which + 'key.pem'));
    const privateKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, P256, true, ['sign']);
    const { d, key_ops, ...publicPart } = await webcrypto.subtle.exportKey('jwk', privateKey);
    const publicKey = await webcrypto.subtle.importKey('jwk', publicPart, P256, true, ['verify']);
    const csr = await x509.Pkcs10CertificateRequestGenerator.create({ name: `CN=${id}`, keys: { privateKey, publicKey }, signingAlgorithm: P256 });
    return Buffer.from(csr.rawData).toString('base64');
}

// 2. The connection: client id is the device id, MQTT 5, trust in the pinned root alone. MQTT.js keeps what is unacknowledged and sends it again.
function connect() {
    client = mqtt.connect({
        protocol: 'mqtts', host: new URL(server).hostname, port: Number(process.env.BROKER_PORT ?? 8883), clientId: id, protocolVersion: 5, clean: true,
        ca: read('root.pem'), cert: read(slot + 'device.pem'), key: read(slot + 'key.pem'), reconnectPeriod: 1000, keepalive: 60,
    });
    client.on('connect', () => {
        attempts = 0;
        if (slot !== '') promote();
        client.subscribe(`devices/${id}/commands/#`, { qos: 1 }, error => console.log(error ? `not subscribed: ${error.message}` : 'connected'));
    });
    client.on('message', (topic, payload) => onCommand(topic.split('/'), payload));
    client.on('error', error => console.error(error.message));
    // Exponential waits with full jitter, so that a fleet does not come back at one moment.
    client.on('close', () => { client.options.reconnectPeriod = 1000 + Math.random() * Math.min(300_000, 1000 * 2 ** ++attempts); });
}

/** The server has let the next certificate in: it takes the old one's place, the key first, as a sign of how far we came. */
function promote() {
    if (fs.existsSync(file('next-key.pem'))) fs.renameSync(file('next-key.pem'), file('key.pem'));
    fs.renameSync(file('next-device.pem'), file('device.pem'));
    slot = '';
}

// 3. Telemetry. The acknowledgement means stored; the same seq on a repetition makes the server store it once.
setInterval(() => {
    const number = String(seq++);
    const reading = JSON.stringify({ ts: Date.now(), temperature: 20 + Math.random() });
    client.publish(`devices/${id}/telemetry`, reading, { qos: 1, properties: { userProperties: { seq: number } } },
        error => console.log(error ? `not stored: ${error.message}` : `stored ${number}`));
}, 1000 * Number(process.env.INTERVAL ?? 5));

// 4. Commands. One may come again with the same id: it is answered again and not done again.
function onCommand([, , , name, command], payload) {
    if (!command) return;                                      // a service's own, which expects no answer
    if (!answers.has(command)) answers.set(command, JSON.stringify(perform(name, payload.toString())));
    if (answers.size > 100) answers.delete(answers.keys().next().value);
    client.publish(`devices/${id}/answers/${command}`, answers.get(command), { qos: 1 }, error => console.log(error ? `not answered: ${error.message}` : `answered ${command}`));
}

function perform(name, payload) {
    if (name !== 'echo') return { status: 404, payload: { problem: `There is no command ${name}.` } };
    try {
        return { status: 200, payload: JSON.parse(payload) };
    } catch {
        return { status: 400, payload: { problem: 'The payload is not JSON.' } };
    }
}

async function est(method, operation, body, tls) {
    return ask(method, '/.well-known/est/' + operation, body, tls, 'application/pkcs10');
}

function ask(method, where, body, tls, type) {
    return new Promise((resolve, reject) => {
        const headers = body === undefined ? {} : { 'Content-Type': type, 'Content-Length': body.length };
        const asked = https.request(new URL(where, server), { method, headers, agent: false, timeout: 20_000, ...tls }, answer => {
            let text = '';
            answer.setEncoding('utf8').on('data', more => text += more).on('end', () =>
                answer.statusCode === 200 ? resolve(text) : reject(new Error(`${where} answered ${answer.statusCode}: ${text.trim()}`)));
        });
        asked.on('timeout', () => asked.destroy(new Error(`${where} gave no answer`))).on('error', reject).end(body);
    });
}

function read(name) { return fs.readFileSync(file(name), 'utf8'); }

/** Whole or not at all, and never readable to others. */
function write(name, text) {
    const temporary = file(name + '.new');
    fs.rmSync(temporary, { force: true });
    const handle = fs.openSync(temporary, 'wx', 0o600);
    fs.writeSync(handle, text.trimEnd() + '\n');
    fs.fsyncSync(handle);
    fs.closeSync(handle);
    fs.renameSync(temporary, file(name));
}
