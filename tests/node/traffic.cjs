// Loaded into a Node process before anything else: writes down its arguments, whom it connects to, and what it asks
// over HTTP.

const { appendFileSync } = require('node:fs');
const { Socket } = require('node:net');
const { subscribe } = require('node:diagnostics_channel');

const record = (line) => appendFileSync(process.env.TRAFFIC, line + '\n');
record(`run ${process.argv.join(' ')}`);

const connect = Socket.prototype.connect;

Socket.prototype.connect = function (...args) {
  const [{ host, port, path } = {}] = [args[0]].flat();
  record(`connect ${path ?? `${host}:${port}`}`);
  return connect.apply(this, args);
};

subscribe('undici:request:create', ({ request }) => record(`${request.method} ${request.origin}${request.path}`));
