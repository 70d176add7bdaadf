import { createServer } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'

// A port that is listened at by a thread that sleeps: the kernel keeps a connection or two for it, and drops the
// packets of all others without a word.
const { port, wake } = workerData as { port: number; wake: Int32Array }
const server = createServer(socket => socket.destroy())
server.listen({ port, host: '0.0.0.0', backlog: 1 }, () => {
  parentPort?.postMessage('listening')
  Atomics.wait(wake, 0, 0)
  server.close()
})
