import { composeFiles, contracts, diagrams, nginx } from './bad-texts.ts'
import {
  type BadInput,
  COMPOSE,
  CONTRACT,
  compose,
  type Entry,
  NGINX,
  SOUND,
  service,
  site,
} from './sound-platform.ts'

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

/** Every input that a person may give by mistake or with ill intent, by what is wrong with it. */
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

function moved(files: Record<string, Entry>, into: string): Record<string, Entry> {
  return Object.fromEntries(
    Object.entries(files).map(([path, entry]) => [`${into}/${path}`, entry]),
  )
}
