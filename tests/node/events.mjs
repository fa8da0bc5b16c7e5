// Follows subscriptions with the reference clients of both protocols, and prints what they heard.
import { createClient as overEvents } from 'graphql-sse';
import { createClient as overSocket } from 'graphql-ws';
import WebSocket from 'ws';

const [url, query] = process.argv.slice(2);
const heard = {};
const sse = overEvents({ url, retryAttempts: 0 });
const socket = overSocket({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 });
for (const [name, client] of Object.entries({ sse, socket })) {
  heard[name] = [];
  for await (const result of client.iterate({ query })) heard[name].push(result);
}
await socket.dispose();
sse.dispose();
process.stdout.write(JSON.stringify(heard));
