// The steps that are about the directory: names, LDAP in its four forms, files, remote procedure calls and replication.

import { accounts, baseName, fullName, namingContexts } from './forest.ts'
import { inside } from './namespace.ts'
import { must, pause, run } from './run.ts'
import {
  administrator,
  ask,
  type Direction,
  expectAnswer,
  freshCache,
  ownKerberos,
  type Step,
  together,
  type Verdict,
} from './step.ts'

const database = '/var/lib/samba/private/sam.ldb'

async function resolve(direction: Direction, transport: '+tcp' | '+notcp'): Promise<Verdict> {
  const { forest, to } = direction
  const question = [
    `_ldap._tcp.${forest.domain}`,
    'SRV',
    transport,
    '+short',
    '+tries=1',
    `+time=${direction.patience}`,
  ]
  return expectAnswer(
    await ask(direction, ['dig', `@${to.address}`, ...question]),
    new RegExp(`\\d+ ${fullName(forest, to)}`),
  )
}

/** Signed by Kerberos. nsupdate complains about Samba's signature under the reply although it is done: judged by its effect. */
async function updateName(direction: Direction): Promise<Verdict> {
  const { forest, from, to } = direction
  const record = `added-by-${from.name}.${forest.domain}`
  const text = `at ${Date.now()}`
  const script = [
    `server ${fullName(forest, to)}`,
    `zone ${forest.domain}`,
    `update delete ${record} TXT`,
    `update add ${record} 60 TXT "${text}"`,
    'send',
    '',
  ].join('\n')
  const environment = ownKerberos(direction, await freshCache(direction, 'Administrator'))
  await ask(direction, ['nsupdate', '-g'], { input: script, environment })
  return expectAnswer(
    await ask(direction, ['dig', `@${to.address}`, record, 'TXT', '+short', '+tries=1']),
    new RegExp(text),
  )
}

interface Search {
  readonly url: string
  readonly by: 'kerberos' | 'password'
}

async function searchDirectory(direction: Direction, { url, by }: Search): Promise<Verdict> {
  const { forest } = direction
  const { name, password } = administrator(forest)
  // -N: no canonical name by reverse lookup, for which the lab has no zone. The password goes over TLS only.
  const login =
    by === 'kerberos' ? ['-Q', '-N', '-Y', 'GSSAPI'] : ['-x', '-D', `${name}@${forest.domain}`, '-w', password]
  const question = ['-b', baseName(forest), `(sAMAccountName=${accounts.alice.name})`, 'objectSid']
  const environment = {
    ...ownKerberos(direction, await freshCache(direction, accounts.alice.name)),
    // Samba signs its own certificate at its first start.
    LDAPTLS_REQCERT: 'never',
  }
  return expectAnswer(
    await ask(direction, ['ldapsearch', '-LLL', '-H', url, ...login, ...question], { environment }),
    /dn: CN=alice.*/,
  )
}

function url(scheme: string, port: string): (direction: Direction) => string {
  return ({ forest, to }) => `${scheme}://${fullName(forest, to)}${port}`
}

async function smb(direction: Direction, share: string, commands: string, answer: RegExp): Promise<Verdict> {
  const cache = await freshCache(direction, 'Administrator')
  const login = ['--use-kerberos=required', `--use-krb5-ccache=${cache}`]
  const target = `//${fullName(direction.forest, direction.to)}/${share}`
  const outcome = await ask(direction, ['smbclient', target, ...login, '-c', commands], {
    environment: ownKerberos(direction, cache),
  })
  return expectAnswer(outcome, answer)
}

async function copyFile(direction: Direction): Promise<Verdict> {
  const { host } = direction.from
  await must(inside(host, ['dd', 'if=/dev/urandom', 'of=/tmp/sent', 'bs=1024', 'count=64', 'status=none']))
  const there = await smb(
    direction,
    'netlogon',
    'put /tmp/sent lab; get lab /tmp/received; del lab',
    /getting file[^\n]*/,
  )
  if (!there.ok) return there
  const same = (await run(inside(host, ['cmp', '/tmp/sent', '/tmp/received']))).status === 0
  return same ? there : { ok: false, said: 'what came back is not what was sent' }
}

async function callProcedure(
  direction: Direction,
  transport: string,
  command: string,
  answer: RegExp,
): Promise<Verdict> {
  const { forest, to } = direction
  const { name, password } = administrator(forest)
  const login = ['-U', `${forest.netbiosName}\\${name}%${password}`]
  return expectAnswer(
    await ask(direction, ['rpcclient', ...login, `${transport}:${fullName(forest, to)}`, '-c', command]),
    answer,
  )
}

/** The own server asks the other for what it has not got yet, as it does by itself after a notification. */
async function replicate(direction: Direction, contexts: readonly string[], ...words: string[]): Promise<Verdict> {
  const { from, to } = direction
  const verdicts: Verdict[] = []
  for (const context of contexts) {
    const outcome = await ask(direction, ['samba-tool', 'drs', 'replicate', from.name, to.name, context, ...words])
    verdicts.push(expectAnswer(outcome, new RegExp(`Replicate from ${to.name} to ${from.name} was successful`)))
  }
  return together(verdicts)
}

/** The DNS zones: the domain itself would be 1.4 MB. */
function smallContext({ forest }: Direction): string {
  return `DC=DomainDnsZones,${baseName(forest)}`
}

async function showReplication(direction: Direction): Promise<Verdict> {
  const { forest, to } = direction
  const outcome = await ask(direction, ['samba-tool', 'drs', 'showrepl', fullName(forest, to)])
  return expectAnswer(outcome, new RegExp(`Default-First-Site-Name.${to.name}`, 'i'))
}

/** The ordinary way: a change here, a notification to the other, which then comes and gets it. Takes Samba 2 to 5 s. */
async function changeArrives(direction: Direction): Promise<Verdict> {
  const { forest, from, to, patience } = direction
  const text = `changed on ${from.name} at ${Date.now()}`
  const dn = `CN=${accounts.alice.name},CN=Users,${baseName(forest)}`
  const change = `dn: ${dn}\nchangetype: modify\nreplace: description\ndescription: ${text}\n`
  await must(inside(from.host, ['ldbmodify', '-H', database]), { input: change })
  const begin = Date.now()
  while (Date.now() - begin < patience * 5000) {
    // Looked for in the other's own files, so that only replication crosses the wire.
    const found = await run(inside(to.host, ['ldbsearch', '-H', database, '-b', dn, '-s', 'base', 'description']))
    if (found.output.includes(text)) return { ok: true, said: `the change arrived after ${Date.now() - begin} ms` }
    await pause(200)
  }
  return { ok: false, said: 'the change did not arrive' }
}

function search(name: string, story: string, by: Search['by'], at: (direction: Direction) => string): Step {
  return { name, story, run: direction => searchDirectory(direction, { url: at(direction), by }) }
}

export const directorySteps: readonly Step[] = [
  { name: 'dns-udp', story: 'a name asked for over UDP', run: each => resolve(each, '+notcp') },
  { name: 'dns-tcp', story: 'the same over TCP', run: each => resolve(each, '+tcp') },
  { name: 'dns-update', story: 'a name written, signed by Kerberos', run: updateName },
  {
    name: 'cldap',
    story: 'the question every Windows client begins with: who are you? (UDP 389)',
    run: async each => expectAnswer(await ask(each, ['samba-tool', 'domain', 'info', each.to.address]), /DC name.*/),
  },
  search('ldap-gssapi', 'LDAP, sealed by Kerberos', 'kerberos', url('ldap', '')),
  search('ldap-catalogue', 'the same at the global catalogue', 'kerberos', url('ldap', ':3268')),
  search('ldaps', 'LDAP over TLS', 'password', url('ldaps', '')),
  { name: 'smb-list', story: 'a share listed', run: each => smb(each, 'sysvol', 'ls', /corp\.test +D[^\n]*/) },
  { name: 'smb-copy', story: '64 KiB written, read and removed', run: copyFile },
  {
    name: 'rpc-pipe',
    story: 'a procedure called through SMB',
    run: each => callProcedure(each, 'ncacn_np', 'lsaquery', /Domain Name: .*/),
  },
  {
    name: 'rpc-tcp',
    story: 'a procedure called through the endpoint mapper and TCP',
    run: each => callProcedure(each, 'ncacn_ip_tcp', 'enumdomusers', /user:\[alice\][^\n]*/),
  },
  { name: 'drs-show', story: 'the state of replication asked for', run: showReplication },
  {
    name: 'drs-replicate',
    story: 'what is new in three naming contexts copied',
    run: each => replicate(each, namingContexts(each.forest).slice(0, 3)),
  },
  {
    name: 'drs-whole',
    story: 'one naming context copied as a whole',
    run: each => replicate(each, [smallContext(each)], '--full-sync'),
  },
  { name: 'drs-change', story: 'a change that is copied by itself', run: changeArrives },
]
