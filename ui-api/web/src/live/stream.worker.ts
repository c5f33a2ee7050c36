/** The shared worker: one connection to the event stream for all tabs of this browser. */
import { Streams } from "./streams";
import type { ToWorker } from "./protocol";

declare const self: SharedWorkerGlobalScope;

const streams = new Streams();
self.onconnect = (connection) => {
  const port = connection.ports[0];
  if (!port) return;
  const tab = streams.join((message) => port.postMessage(message));
  port.onmessage = (message: MessageEvent<ToWorker>) => tab(message.data);
};
