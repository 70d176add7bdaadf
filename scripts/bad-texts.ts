import {
  type BadInput,
  BINARY,
  COMPOSE,
  CONTRACT,
  compose,
  contract,
  DIAGRAM,
  diagram,
  MEGABYTES,
  NGINX,
  SOUND,
  service,
  site,
} from './sound-platform.ts'

/** Files of nginx that cannot be read, or that it refuses. */
export const nginx: BadInput[] = [
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

/** Compose files that are none, or contradict themselves. */
export const composeFiles: BadInput[] = [
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

/** Documents whose flowchart is none, or has no edge. */
export const diagrams: BadInput[] = [
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

/** Contract files with keys and values that are none. */
export const contracts: BadInput[] = [
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
