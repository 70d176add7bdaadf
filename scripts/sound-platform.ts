import { deflateSync } from 'node:zlib'
import type { PlatformOptions } from '../fixtures/platform/read-platform.ts'

/** What stands at a path: a text, bytes, a directory, or a symbolic link. */
export type Entry = string | Buffer | { directory: true } | { link: string }

/** A platform with one thing wrong, and what a person is told of it. */
export interface BadInput {
  what: string
  /** In place of the sound platform's own, or beside them. */
  files?: Record<string, Entry>
  /** The whole platform, in place of the sound one. */
  only?: Record<string, Entry>
  options?: Partial<PlatformOptions>
  /** How the message begins: the place, then what is wrong. Absent: it is no fault, and is read. */
  says?: string
}

export const NGINX = 'nginx/nginx.conf'
export const COMPOSE = 'compose.yaml'
export const CONTRACT = 'topology.yaml'
export const DIAGRAM = 'network.md'

/** A platform with nothing wrong. */
export const SOUND: Record<string, Entry> = {
  [NGINX]: `events { }
http {
  include conf.d/*.conf;
}
`,
  'nginx/conf.d/site.conf': `server {
  listen 443 ssl;
  server_name site.example;
  ssl_certificate /etc/ssl/site.pem;
  ssl_certificate_key /etc/ssl/site.key;
  location / { proxy_pass http://web:3000; }
  location /api/ { proxy_pass http://api:4000; }
}
`,
  [COMPOSE]: `services:
  nginx:
    image: nginx:1.26
    ports: ["443:443"]
    volumes: ["./nginx:/etc/nginx:ro"]
  web:
    image: web
  api:
    image: api
    environment:
      DATABASE_URL: postgres://app:secret@db.example:5432/app?sslmode=require
`,
  [DIAGRAM]: `# Network

\`\`\`mermaid
flowchart TB
  client[Client] -->|:443| nginx[Nginx]
  nginx -->|:3000| web[Next.js frontend]
  nginx -->|:4000| api[Rust backend]
  api -->|:5432| db[(PostgreSQL)]
\`\`\`
`,
  [CONTRACT]: 'limits:\n  streamIdle: 24h\n',
}

/** One site's file, in place of the sound one. */
export const site = (text: string) => ({ 'nginx/conf.d/site.conf': text })

/** A compose file. */
export const compose = (text: string) => ({ [COMPOSE]: text })

/** A contract file. */
export const contract = (text: string) => ({ [CONTRACT]: text })

/** A document with one flowchart. */
export const diagram = (flowchart: string) => ({
  [DIAGRAM]: `# Network\n\n\`\`\`mermaid\n${flowchart}\n\`\`\`\n`,
})

/** A compose file whose service nginx has these lines, too. */
export const service = (text: string) => compose(`services:\n  nginx:\n    image: nginx\n${text}`)

/** Bytes that are no text in any encoding. */
export const BINARY = deflateSync(Buffer.from('nothing that anybody could read'.repeat(20)))

/** More text than anybody writes, in characters. */
export const MEGABYTES = 10 * 1024 * 1024
