/** Writes all of a text: a pipe takes it bit by bit, and the process must not end before it has. */
export function print(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve, reject) =>
    stream.write(text, error => (error ? reject(error) : resolve())),
  )
}
