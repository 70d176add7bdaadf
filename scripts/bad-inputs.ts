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

const NGINX = 'nginx/nginx.conf'
const COMPOSE = 'compose.yaml'
const CONTRACT = 'topology.yaml'
const DIAGRAM = 'network.md'

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

const site = (text: string) => ({ 'nginx/conf.d/site.conf': text })
const compose = (text: string) => ({ [COMPOSE]: text })
const contract = (text: string) => ({ [CONTRACT]: text })
const diagram = (flowchart: string) => ({
  [DIAGRAM]: `# Network\n\n\`\`\`mermaid\n${flowchart}\n\`\`\`\n`,
})
const service = (text: string) => compose(`services:\n  nginx:\n    image: nginx\n${text}`)

/** Bytes that are no text in any encoding. */
const BINARY = deflateSync(Buffer.from('nothing that anybody could read'.repeat(20)))
const MEGABYTES = 10 * 1024 * 1024

const missing: BadInput[] = [
  {
    what: 'no directory',
    only: {},
    options: { root: 'nowhere' },
    says: 'nowhere: there is no such directory',
  },
  {
    what: 'a file for a platform',
    only: { p: '' },
    options: { root: 'p' },
    says: 'p: there is no such directory',
  },
  { what: 'an empty directory', only: {}, says: '.: no nginx configuration was found' },
  {
    what: 'an empty nginx directory',
    only: { nginx: { directory: true } },
    says: 'nginx: no nginx configuration was found',
  },
  {
    what: 'a Caddyfile alone',
    only: { Caddyfile: 'site.example {\n}\n' },
    says: '.: no nginx configuration was found, and only nginx is judged: Caddyfile is Caddy',
  },
  {
    what: 'a Kubernetes object alone',
    only: { 'k8s/site.yaml': 'apiVersion: networking.k8s.io/v1\nkind: Ingress\n' },
    says: '.: no nginx configuration was found, and only nginx is judged: k8s/site.yaml is a Kubernetes object (Ingress)',
  },
  {
    what: 'two whole configurations, and nothing that says which is deployed',
    only: { 'a/main.conf': 'events { }\nhttp { }\n', 'b/main.conf': 'events { }\nhttp { }\n' },
    says: '.: no nginx configuration was found that is sure to be deployed; seen: a/main.conf (a whole nginx.conf), b/main.conf',
  },
  {
    what: 'a named nginx that is not there',
    options: { nginx: 'elsewhere' },
    says: 'elsewhere: there is no such nginx directory or file',
  },
  {
    what: 'a named compose file that is not there',
    options: { compose: 'no.yaml' },
    says: 'no.yaml: there is no such file',
  },
  {
    what: 'a named diagram that is not there',
    options: { diagram: 'no.md' },
    says: 'no.md: there is no such file',
  },
  {
    what: 'a named contract that is not there',
    options: { contract: 'no.yaml' },
    says: 'no.yaml: there is no such file',
  },
  {
    what: 'a named environment file that is not there',
    options: { envFile: 'no.env' },
    says: 'no.env: there is no such file',
  },
  {
    what: 'an include of nothing',
    files: site('include nowhere.conf;'),
    says: 'nginx/conf.d/site.conf:1:1: open() "/etc/nginx/nowhere.conf" failed',
  },
  {
    what: 'a mounted file that is not there',
    files: service('    volumes: ["./gone.conf:/etc/nginx/nginx.conf"]\n'),
    says: 'compose.yaml:4:15: "gone.conf" is mounted into the edge, and is not there',
  },
]

const kinds: BadInput[] = [
  {
    what: 'a directory for nginx.conf',
    only: { 'nginx/nginx.conf': { directory: true } },
    says: 'nginx: no nginx configuration was found',
  },
  {
    what: 'a directory for a compose file',
    files: { [COMPOSE]: { directory: true } },
    says: 'compose.yaml: it is a directory, not a file',
  },
  {
    what: 'a directory for a named contract',
    options: { contract: 'nginx' },
    says: 'nginx: it is a directory, not a file',
  },
  {
    what: 'a directory for a named diagram',
    options: { diagram: 'nginx' },
    says: 'nginx: it is a directory, not a file',
  },
  { what: 'a directory called like a diagram', files: { 'docs/x.md': { directory: true } } },
  {
    what: 'a directory called like a contract',
    files: { [CONTRACT]: { directory: true } },
    says: 'topology.yaml: it is a directory, not a file',
  },
  {
    what: 'a directory where nginx includes files',
    files: { 'nginx/conf.d/x.conf/y': '' },
    says: 'nginx/nginx.conf:3:3: pread() "/etc/nginx/conf.d/x.conf" failed (21: Is a directory)',
  },
  {
    what: 'a link to nowhere for nginx.conf',
    files: { [NGINX]: { link: 'gone.conf' } },
    says: 'nginx/nginx.conf: it is a link to "gone.conf"',
  },
  {
    what: 'a link to nowhere among the includes',
    files: { 'nginx/conf.d/x.conf': { link: '/gone' } },
    says: 'nginx/conf.d/x.conf: it is a link to "/gone"',
  },
  {
    what: 'a link to itself',
    files: { 'nginx/conf.d/x.conf': { link: 'x.conf' } },
    says: 'nginx/conf.d/x.conf: it is a link to "x.conf"',
  },
  {
    what: 'a link to nowhere for a compose file',
    files: { [COMPOSE]: { link: 'gone' } },
    says: 'compose.yaml: ',
  },
  { what: 'a link to nowhere for a diagram', files: { 'docs/x.md': { link: 'gone' } } },
  {
    what: 'a link to nowhere for a contract',
    files: { [CONTRACT]: { link: 'gone' } },
    says: 'topology.yaml: ',
  },
  { what: 'directories linked in a circle', files: { 'nginx/conf.d/loop': { link: '..' } } },
]

const nginx: BadInput[] = [
  {
    what: 'an nginx.conf that includes itself',
    files: { [NGINX]: 'include nginx.conf;' },
    says: `${NGINX}:1:1: the file "/etc/nginx/nginx.conf" includes itself`,
  },
  {
    what: 'includes in a circle',
    files: { [NGINX]: 'events { }\ninclude conf.d/*.conf;', ...site('\ninclude nginx.conf;') },
    says: 'nginx/conf.d/site.conf:2:1: the file',
  },
  {
    what: 'a block that is never closed',
    files: site('server {\n listen 80;\n'),
    says: 'nginx/conf.d/site.conf:3:1: unexpected end of file, expecting "}"',
  },
  {
    what: 'a brace too many',
    files: site('server { }\n}\n'),
    says: 'nginx/conf.d/site.conf:2:1: unexpected "}"',
  },
  {
    what: 'a semicolon that is missing',
    files: site('server {\n listen 80\n}\n'),
    says: 'nginx/conf.d/site.conf:3:1: unexpected "}"',
  },
  {
    what: 'a semicolon that is missing before another directive',
    files: site('server {\n root /srv/www\n index index.html;\n}\n'),
    says: 'nginx/conf.d/site.conf:3:18: invalid number of arguments in "root" directive\n  → A ";" is missing at the end of line 2, before "index".',
  },
  {
    what: 'a quote that is never closed',
    files: site('server {\n root "/x;\n}\n'),
    says: 'nginx/conf.d/site.conf:4:1: unexpected end of file',
  },
  {
    what: 'a byte order mark',
    files: site('\uFEFFserver { }'),
    says: 'nginx/conf.d/site.conf:1:9: unknown directive "\uFEFFserver"',
  },
  { what: 'bytes', files: { 'nginx/conf.d/site.conf': BINARY }, says: 'nginx/conf.d/site.conf:1:' },
  {
    what: 'text of two bytes a letter',
    files: { 'nginx/conf.d/site.conf': Buffer.from('server { }\n', 'utf16le') },
    says: 'nginx/conf.d/site.conf:1:15: unknown directive "s\\x00e',
  },
  { what: 'bytes for nginx.conf', only: { 'nginx.conf': BINARY }, says: 'nginx.conf:1:' },
  {
    what: 'a port that is none',
    files: site('server {\n listen 99999;\n}'),
    says: 'nginx/conf.d/site.conf:2:2: invalid port',
  },
  {
    what: 'a location of nothing',
    files: site('server {\n location { }\n}'),
    says: 'nginx/conf.d/site.conf:2:2: invalid number of arguments in "location" directive',
  },
  {
    what: 'blocks in blocks without end',
    files: site('location / {'.repeat(100_000)),
    says: 'nginx/conf.d/site.conf:1:60',
  },
  {
    what: 'many blocks in blocks',
    files: site(`server { ${'location / {'.repeat(20_000)}${'}'.repeat(20_000)} }`),
    says: 'nginx/conf.d/site.conf:1:60',
  },
  {
    what: 'ten megabytes of comments',
    files: site(
      `${'# a comment like any\n'.repeat(MEGABYTES / 21)}${SOUND['nginx/conf.d/site.conf']}`,
    ),
  },
  {
    what: 'ten megabytes in one line',
    files: site('x'.repeat(MEGABYTES)),
    says: 'nginx/conf.d/site.conf:1:1: too long parameter',
  },
  {
    what: 'ten megabytes of directives',
    files: site(`${'map $a $b { }\n'.repeat(MEGABYTES / 14)}${SOUND['nginx/conf.d/site.conf']}`),
  },
  {
    what: 'an upstream without an end',
    files: site('upstream "a\u001b[31mb" {\n'),
    says: 'nginx/conf.d/site.conf:2:1: unexpected end of file',
  },
  {
    what: 'an expression that nobody can follow',
    files: site('server { listen 80; server_name ~(; location ~ ( { } }'),
  },
]

const composeFiles: BadInput[] = [
  {
    what: 'an empty compose file',
    files: compose(''),
    says: 'compose.yaml:1: this is no compose file',
  },
  { what: 'bytes for a compose file', files: { [COMPOSE]: BINARY }, says: 'compose.yaml:1: ' },
  {
    what: 'tabs',
    files: compose('services:\n\tnginx:\n\t\timage: nginx\n'),
    says: 'compose.yaml:2:1: not valid YAML: tabs are not allowed as indentation',
  },
  {
    what: 'the same key twice',
    files: compose('services:\n  nginx:\n    image: a\n    image: b\n'),
    says: 'compose.yaml:4:5: not valid YAML: map keys must be unique',
  },
  {
    what: 'a list for a file',
    files: compose('- a\n- b\n'),
    says: 'compose.yaml:1: this is no compose file',
  },
  {
    what: 'a list of services',
    files: compose('services:\n  - nginx\n'),
    says: 'compose.yaml:2:3: "services" ',
  },
  {
    what: 'a text for a service',
    files: compose('services:\n  nginx: yes\n'),
    says: 'compose.yaml:2:10: "services.nginx" ',
  },
  {
    what: 'a network that is not defined',
    files: service('    networks: [away]\n'),
    says: 'compose.yaml:4:5: service "nginx" is on the network "away"',
  },
  {
    what: 'an alias to nothing',
    files: compose('services:\n  nginx: *none\n'),
    says: 'compose.yaml:2:10: ',
  },
  {
    what: 'an alias to itself',
    files: compose('services: &all\n  nginx: *all\n'),
    says: 'compose.yaml:2:10: ',
  },
  { what: 'aliases of aliases of aliases', files: compose(bomb()), says: 'compose.yaml' },
  {
    what: 'a quote that is never closed',
    files: compose('services:\n  nginx:\n    image: "x\n'),
    says: 'compose.yaml:',
  },
  {
    what: 'a port that is none',
    files: service('    ports: ["many:80"]\n'),
    says: 'compose.yaml:4:13: ',
  },
  {
    what: 'replicas that are no number',
    files: service('    deploy:\n      replicas: several\n'),
    says: 'compose.yaml:5:17: "several" is no number of replicas',
  },
  {
    what: 'an environment file of prose',
    files: { ...service('    env_file: prose.env\n'), 'prose.env': 'A=1\nthis is prose\n' },
    says: 'prose.env:2: "this is pros…" is not a NAME=value line',
  },
  {
    what: 'ten megabytes of comments',
    files: compose(`${'# a comment like any\n'.repeat(MEGABYTES / 21)}${SOUND[COMPOSE]}`),
  },
  {
    what: 'lists in lists without end',
    files: compose(`services: ${'['.repeat(50_000)}`),
    says: 'compose.yaml:1',
  },
  { what: 'a variable that is never closed', files: service('    hostname: "${A"\n') },
]

const diagrams: BadInput[] = [
  {
    what: 'a flowchart that is none',
    files: diagram('flowchart TB\n  nginx --> --> web\n  client --> api[backend]'),
    says: 'network.md:5: mermaid cannot read the diagram',
  },
  {
    what: 'a flowchart without nginx',
    files: diagram(
      'flowchart TB\n  client[Client] --> web[Frontend]\n  web --> api[Backend]\n  api --> db[PostgreSQL]',
    ),
  },
  {
    what: 'a named file without a flowchart',
    files: { 'notes.md': '# Notes\n' },
    options: { diagram: 'notes.md' },
    says: 'notes.md: it has no mermaid flowchart',
  },
  {
    what: 'a named file of bytes',
    files: { 'notes.md': BINARY },
    options: { diagram: 'notes.md' },
    says: 'notes.md: it has no mermaid flowchart',
  },
  { what: 'an empty diagram', files: { [DIAGRAM]: '' } },
  {
    what: 'ten megabytes of prose',
    files: { [DIAGRAM]: `${'A sentence like any.\n'.repeat(MEGABYTES / 21)}${SOUND[DIAGRAM]}` },
  },
  {
    what: 'a flowchart without end',
    files: {
      [DIAGRAM]: `\`\`\`mermaid\nflowchart TB\n${'  nginx --> web\n  client --> backend\n'.repeat(50_000)}`,
    },
    says: 'network.md:',
  },
]

const contracts: BadInput[] = [
  {
    what: 'an unknown key',
    files: contract('limits:\n  streamidle: 1h\n'),
    says: 'topology.yaml:2:3: "limits.streamidle" is no key of a contract',
  },
  {
    what: 'a unit that is none',
    files: contract('limits:\n  streamIdle: 1 fortnight\n'),
    says: 'topology.yaml:2:',
  },
  {
    what: 'a text for a number',
    files: contract('limits:\n  streams: many\n'),
    says: 'topology.yaml:2:',
  },
  {
    what: 'fewer than none',
    files: contract('limits:\n  streams: -1\n'),
    says: 'topology.yaml:2:',
  },
  {
    what: 'more than anybody has',
    files: contract('limits:\n  streams: 1e99\n'),
    says: 'topology.yaml:2:',
  },
  {
    what: 'a port beyond all',
    files: contract('roles:\n  backend:\n    port: 70000\n'),
    says: 'topology.yaml:3:',
  },
  {
    what: 'a word that is none of the known',
    files: contract('sse:\n  fanout: pigeons\n'),
    says: 'topology.yaml:2:',
  },
  { what: 'a list', files: contract('- a\n'), says: 'topology.yaml:1:' },
  { what: 'a text', files: contract('everything as usual\n'), says: 'topology.yaml:1:' },
  { what: 'an empty contract', files: contract('') },
  { what: 'bytes', files: { [CONTRACT]: BINARY }, says: 'topology.yaml:1' },
  {
    what: 'tabs',
    files: contract('limits:\n\tstreams: 1\n'),
    says: 'topology.yaml:2:1: not valid YAML',
  },
  { what: 'a schema of later days', files: contract('schema: 99\n'), says: 'topology.yaml:1:1: ' },
  {
    what: 'a path that is none',
    files: contract('paths:\n  login: sign-in\n'),
    says: 'topology.yaml:2:',
  },
  {
    what: 'a key of another language',
    files: contract('__proto__:\n  polluted: true\n'),
    says: 'topology.yaml:1:',
  },
  {
    what: 'a role that no service plays',
    files: contract('roles:\n  backend:\n    service: nobody\n'),
    says: 'topology.yaml:3:',
  },
]

const outside: BadInput[] = [
  {
    what: 'an include that climbs out',
    files: site('include ../../etc/passwd;'),
    says: 'nginx/conf.d/site.conf:1:1: open() "/etc/passwd" failed',
  },
  {
    what: 'an include of the machine',
    files: site('include /etc/passwd;'),
    says: 'nginx/conf.d/site.conf:1:1: open() "/etc/passwd" failed',
  },
  { what: 'a mount of the machine', files: service('    volumes: ["/etc:/etc/nginx"]\n') },
  {
    what: 'a mount that climbs out',
    files: service('    volumes: ["../../../../../../etc:/etc/nginx"]\n'),
  },
  { what: 'an environment file of the machine', files: service('    env_file: /etc/passwd\n') },
  {
    what: 'a link out of the platform',
    files: { 'nginx/conf.d/x.conf': { link: '/etc/passwd' } },
    says: 'nginx/conf.d/x.conf:',
  },
  {
    what: 'a device',
    files: { 'nginx/conf.d/x.conf': { link: '/dev/zero' } },
    says: 'nginx/conf.d/x.conf: ',
  },
  { what: 'a named contract without end', options: { contract: '/dev/zero' }, says: '' },
]

const names: BadInput[] = [
  {
    what: 'spaces and letters of the world',
    only: moved(SOUND, 'Österreich 日本/a b'),
    options: { root: 'Österreich 日本/a b' },
  },
  {
    what: 'a file name with a line break',
    files: { 'nginx/conf.d/a\nb.conf': 'server {' },
    says: 'nginx/conf.d/a\\nb.conf:1:',
  },
  {
    what: 'a file name that paints',
    files: { 'nginx/conf.d/a\u001b[31mb.conf': 'server {' },
    says: 'nginx/conf.d/a\\x1b[31mb.conf:1:',
  },
  {
    what: 'a file name for a shell',
    files: { 'nginx/conf.d/$(touch pwned)`touch pwned`.conf': 'server {' },
    says: 'nginx/conf.d/$(touch pwned)`touch pwned`.conf:1:',
  },
  {
    what: 'a directive that paints',
    files: site('\u001b[2J\u001b]0;title\u0007 x;'),
    says: 'nginx/conf.d/site.conf:1:',
  },
  {
    what: 'an include that paints',
    files: site('include "\u001b]0;x\r\n::error::x";'),
    says: 'nginx/conf.d/site.conf:2:12: open() "/etc/nginx/\\x1b]0;x\\r\\n::error::x" failed',
  },
  {
    what: 'a service that paints',
    files: compose('services:\n  "a\\e[31m\\n::error::x": 1\n'),
    says: 'compose.yaml:2:',
  },
  {
    what: 'a host name for a shell',
    files: site(
      'server { listen 80; server_name "$(touch pwned)" "`touch pwned`" "a;touch pwned"; location / { proxy_pass http://web:3000; } }',
    ),
  },
  {
    what: 'services of many words',
    files: compose(
      'services:\n  "a; touch pwned":\n    image: "nginx:$(touch pwned)"\n    container_name: "`touch pwned`"\n',
    ),
    says: 'compose.yaml:2:3: "a; touch pwned" is no name of a service',
  },
  {
    what: 'an image for a shell',
    files: compose('services:\n  nginx:\n    image: "nginx:$(touch pwned)"\n'),
    says: 'compose.yaml:3:12: "nginx:$(touch pwned)" is no reference of an image',
  },
  {
    what: 'a network for a shell',
    files: compose('services:\n  nginx:\n    image: nginx\nnetworks:\n  "$(touch pwned)": {}\n'),
    says: 'compose.yaml:5:3: "$(touch pwned)" is no name of a network',
  },
]

export const badInputs: Record<string, BadInput[]> = {
  'what is not there': missing,
  'what is of another kind': kinds,
  'the nginx configuration': nginx,
  'the compose file': composeFiles,
  'the diagram': diagrams,
  'the contract': contracts,
  'what lies outside': outside,
  'names and texts': names,
}

/** Each alias stands for ten of the one before: a few lines that come to ten billion values. */
function bomb(): string {
  const lines = ['x0: &x0 [lol]']
  for (let at = 1; at <= 10; at++)
    lines.push(
      `x${at}: &x${at} [${Array(10)
        .fill(`*x${at - 1}`)
        .join(', ')}]`,
    )
  return `${lines.join('\n')}\nservices:\n  nginx:\n    image: nginx\n    ports: *x10\n`
}

function moved(files: Record<string, Entry>, into: string): Record<string, Entry> {
  return Object.fromEntries(
    Object.entries(files).map(([path, entry]) => [`${into}/${path}`, entry]),
  )
}
