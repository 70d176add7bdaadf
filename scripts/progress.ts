import { styleText } from 'node:util'
import { inOneLine } from '../fixtures/printable.ts'

/**
 * Says on standard error what is going on: one line that is written over in a terminal, plain lines elsewhere.
 */
export class ProgressLine {
  private readonly stream = process.stderr
  private readonly began = performance.now()
  private open = false

  readonly say = (news: string): void => {
    const text = inOneLine(news)
    const seconds = ((performance.now() - this.began) / 1000).toFixed(1).padStart(5)
    const line = `${styleText('gray', `${seconds} s`, { stream: this.stream })}  ${text}`
    if (!this.stream.isTTY) {
      this.stream.write(`${line}\n`)
      return
    }
    const width = Math.max(20, this.stream.columns ?? 80)
    const room =
      text.length + 9 > width
        ? `${line.slice(0, line.length - (text.length + 9 - width) - 1)}…`
        : line
    this.stream.write(`\r\u001b[2K${room}`)
    this.open = true
  }

  /** Leaves the terminal's line free for what comes next. */
  readonly clear = (): void => {
    if (this.open) this.stream.write('\r\u001b[2K')
    this.open = false
  }
}
