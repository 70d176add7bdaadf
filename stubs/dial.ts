import { connect } from 'node:net'
import type { DialRecord } from './protocol.ts'

/**
 * Tries to open a TCP connection, from where this process runs, and closes it again.
 *
 * @param within how long to try, in milliseconds; finding the address counts too.
 */
export function dial(host: string, port: number, within: number): Promise<DialRecord> {
  const began = performance.now()
  return new Promise(resolve => {
    const socket = connect({ host, port })
    const settle = (outcome: { reached: boolean; error?: string }) => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ ...outcome, tookMs: Math.round(performance.now() - began) })
    }
    const late = () => settle({ reached: false, error: `no connection within ${within} ms` })
    const timer = setTimeout(late, within)
    socket.on('connect', () => settle({ reached: true }))
    socket.on('error', error => settle({ reached: false, error: error.message }))
  })
}
