// What a controller of one forest asks of a controller of the other: names, tickets over the trust, files and the directory with
// them, logon with a name and password of the other forest, and whether the trust itself holds. As with every step, it is
// well only if the other one answered.

import type { KerberosTransport } from './configuration.ts'
import { baseName, fullName } from './forest.ts'
import { inside } from './namespace.ts'
import { must, run } from './run.ts'
import { type Across, acrossPath, login } from './second-forest.ts'
import { ask, type Direction, expectAnswer, together, type Verdict } from './step.ts'
import { askTraced, lastAnswerFrom } from './steps-kerberos.ts'

export interface AcrossStep {
  readonly name: string
  readonly story: string
  /** For controllers at which the trust was made: Samba's winbindd elsewhere hears of it at its next start only. */
  readonly needsWinbind?: boolean
  readonly run: (across: Across, patience: number) => Promise<Verdict>
}

const cache = '/tmp/ticket-across'

function direction({ own, from, to }: Across, patience: number): Direction {
  return { forest: own.forest, from, to, patience }
}

function environment({ to }: Across, transport: KerberosTransport): Readonly<Record<string, string>> {
  return { KRB5_CONFIG: acrossPath(to, transport), KRB5CCNAME: `FILE:${cache}` }
}

/** A ticket-granting ticket of the own forest, from the own key centre, so that nothing of it crosses the wire. */
async function ownTicket(across: Across): Promise<void> {
  const { own, from } = across
  const { name, password } = own.account
  await must(inside(from.host, ['kinit', name]), { input: `${password}\n`, environment: environment(across, 'udp') })
}

/** The ticket that leads into the other realm from the own key centre, the one for a service there from the other's. */
async function ticketAcross(across: Across, transport: KerberosTransport, patience: number): Promise<Verdict> {
  const { own, far, to } = across
  await ownTicket(across)
  const variables = { environment: environment(across, transport) }
  const leads = `krbtgt/${far.forest.realm}@${own.forest.realm}`
  const first = expectAnswer(await ask(direction(across, patience), ['kvno', leads], variables), /krbtgt.*kvno = \d+/)
  if (!first.ok) return first
  const service = `cifs/${fullName(far.forest, to)}@${far.forest.realm}`
  const outcome = await askTraced(direction(across, patience), ['kvno', service], variables)
  return expectAnswer(outcome, lastAnswerFrom(across, transport))
}

/** A user of the other forest logs on here: the password is proved to the other's key centre. */
async function logonByTicket(across: Across, transport: KerberosTransport, patience: number): Promise<Verdict> {
  const { name, password } = across.far.account
  const command = ['kinit', '-c', `${cache}-of-logon`, `${name}@${across.far.forest.realm}`]
  const options = { input: `${password}\n`, environment: environment(across, transport) }
  return expectAnswer(await askTraced(direction(across, patience), command, options), lastAnswerFrom(across, transport))
}

/** The same by winbindd, which passes it on to the other forest; and with a wrong password the other forest says no. */
async function logonByWinbind({ from, far }: Across, patience: number): Promise<Verdict> {
  const { name, password } = far.account
  const ask = (secret: string) =>
    run(inside(from.host, ['wbinfo', '-a', `${far.forest.netbiosName}\\${name}%${secret}`], patience))
  const right = expectAnswer(await ask(password), /challenge\/response password authentication succeeded/)
  if (!right.ok) return right
  const { status, output } = await ask(`not-${password}`)
  const refused = status !== 0 && output.includes('NT_STATUS_WRONG_PASSWORD')
  return refused ? right : { ok: false, said: 'a wrong password was not refused by the other forest' }
}

async function files(across: Across, patience: number): Promise<Verdict> {
  await ownTicket(across)
  const target = `//${fullName(across.far.forest, across.to)}/sysvol`
  const login = ['--use-kerberos=required', `--use-krb5-ccache=${cache}`]
  const answer = new RegExp(`${across.far.forest.domain.replaceAll('.', '\\.')} +D[^\\n]*`)
  const options = { environment: environment(across, 'udp') }
  return expectAnswer(
    await ask(direction(across, patience), ['smbclient', target, ...login, '-c', 'ls'], options),
    answer,
  )
}

async function directory(across: Across, patience: number): Promise<Verdict> {
  await ownTicket(across)
  const { far, to } = across
  const question = ['-b', baseName(far.forest), `(sAMAccountName=${far.account.name})`, 'objectSid']
  const command = ['ldapsearch', '-LLL', '-Q', '-N', '-Y', 'GSSAPI', '-H', `ldap://${fullName(far.forest, to)}`]
  const outcome = await ask(direction(across, patience), [...command, ...question], {
    environment: environment(across, 'tcp'),
  })
  return expectAnswer(outcome, new RegExp(`dn: CN=${far.account.name}.*`))
}

async function names(across: Across, patience: number): Promise<Verdict> {
  const question = [`_ldap._tcp.${across.far.forest.domain}`, 'SRV', '+short', '+tries=1', `+time=${patience}`]
  const answer = new RegExp(`\\d+ ${fullName(across.far.forest, across.to)}`)
  return expectAnswer(await ask(direction(across, patience), ['dig', ...question]), answer)
}

/** Samba asks both ends over a channel that the trust's own password secures. */
async function validate(across: Across, patience: number): Promise<Verdict> {
  const command = ['samba-tool', 'domain', 'trust', 'validate', across.far.forest.domain, ...login(across.far)]
  const outcome = await ask(direction(across, patience), command)
  return together([
    expectAnswer(outcome, /OK: LocalValidation: .*TRUST\[WERR_OK\]/),
    expectAnswer(outcome, /OK: RemoteValidation: .*TRUST\[WERR_OK\]/),
  ])
}

export const acrossSteps: readonly AcrossStep[] = [
  { name: 'x-dns', story: 'a name of the other forest', run: names },
  {
    name: 'x-ticket-udp',
    story: 'a ticket into the other realm, and with it one for a service there, over UDP',
    run: (across, patience) => ticketAcross(across, 'udp', patience),
  },
  {
    name: 'x-ticket-tcp',
    story: 'the same over TCP',
    run: (across, patience) => ticketAcross(across, 'tcp', patience),
  },
  {
    name: 'x-logon-udp',
    story: 'a user of the other forest logs on here, over UDP',
    run: (across, patience) => logonByTicket(across, 'udp', patience),
  },
  {
    name: 'x-logon-tcp',
    story: 'the same over TCP',
    run: (across, patience) => logonByTicket(across, 'tcp', patience),
  },
  { name: 'x-smb', story: 'a share of the other forest listed', run: files },
  { name: 'x-ldap', story: 'the directory of the other forest searched', run: directory },
  {
    name: 'x-logon-winbind',
    story: 'name and password passed on to the other forest, which says yes, and no to a wrong one',
    needsWinbind: true,
    run: logonByWinbind,
  },
  { name: 'x-trust', story: 'the trust validated from both ends', needsWinbind: true, run: validate },
]
