// An agent's status as a person reads it: what is wrong first, then the policy, then who is sealed with whom.

import { printable } from '../base/printable.ts'
import type { AgentStatus, AssociationStatus, SessionStatus } from '../monitor/agent-status.ts'
import type { Console } from './console.ts'

export function printStatus(status: AgentStatus, console: Console): void {
  const { policy, setting, dataPlane, guard, sessions, associations, drops } = status
  for (const warning of status.warnings) console.print(`${console.style('redBright', '!')} ${printable(warning)}`)
  if (status.warnings.length > 0) console.print()
  const dim = (text: string) => console.style('dim', text)
  const { isAnswering: _, ...facts } = dataPlane
  console.table([
    [dim('policy'), `${printable(policy.name)}  ${dim(policy.source)}`],
    [dim('setting'), settingLine(status)],
    [dim('exempt'), setting.exempt.map(({ title }) => title).join(', ') || 'nothing'],
    [dim('addresses'), status.addresses.join(', ') || 'none'],
    [dim('data plane'), Object.values(facts).join(', ')],
    [
      dim('guard'),
      guard === null
        ? 'none (--no-guard)'
        : `${guard.name}: ${guard.isThere ? 'in place' : 'NOT in place'}, ${guard.text}`,
    ],
    [dim('wire'), wireLine(status)],
    [dim('agent'), `${status.state.replace('-', ' ')}, process ${status.pid}`],
  ])
  console.print()
  if (associations.length === 0)
    console.print('No associations: keys are asked for when the first packet wants to leave.')
  for (const session of sessions) printSession(session, associations, console)
  const alone = associations.filter(({ spi }) => !sessions.some(session => session.associations.includes(spi)))
  for (const association of alone) console.table(associationRows(association, dim))
  if (drops.length > 0) {
    console.print()
    console.print('Dropped packets')
    console.table(
      drops.map(({ reason, packets, meaning }) => [`  ${packets}`, reason, meaning]),
      [0],
    )
  }
}

/** `watched on eth0: 2 leaked, 40 exempt`. */
function wireLine({ wire }: AgentStatus): string {
  if (wire === null) return 'not watched'
  const seen = (['leaked', 'blocked', 'received-in-clear', 'in-clear', 'exempt'] as const).flatMap(verdict => {
    // What the policy blocks and others send is stopped behind the wire.
    const found = wire.verdicts.filter(
      one => one.verdict === verdict && (verdict !== 'blocked' || one.direction === 'out'),
    )
    const packets = found.reduce((sum, one) => sum + one.packets, 0)
    return packets === 0 ? [] : [`${packets} ${verdict.replaceAll('-', ' ')}`]
  })
  const unread = wire.unread === 0 ? [] : [`${wire.unread} not looked at`]
  const all = [...(seen[0]?.endsWith(' leaked') === true ? [] : ['nothing leaked']), ...seen, ...unread]
  return `watched on ${wire.links.join(', ') || 'no link'}: ${all.join(', ')}`
}

/** `NoDefaultExempt 1, from the policy`. */
export function settingLine({ setting, policy }: AgentStatus): string {
  const { name, value, from, where } = setting
  if (name === null) return `profile ${policy.profile}, which reads none`
  const origins = {
    policy: 'from the policy',
    registry: `from the registry: ${printable(where ?? '')}`,
    default: `the default of profile ${policy.profile}`,
  }
  return `${name} ${value}, ${origins[from]}`
}

function printSession(session: SessionStatus, associations: readonly AssociationStatus[], console: Console): void {
  const dim = (text: string) => console.style('dim', text)
  const { version, own, peer, peerName, offer, role, state, ageSeconds, rekeyInSeconds } = session
  const who = `${own} ↔ ${peer}${peerName === null ? '' : `  ${printable(peerName)}`}`
  const facts = [
    state === 'established' ? `IKEv${version} as ${role}` : `IKEv${version} as ${role}: ${state}`,
    offer ?? '',
    ageSeconds === null ? '' : `for ${duration(ageSeconds)}`,
    rekeyInSeconds === null ? '' : `new keys in ${duration(rekeyInSeconds)}`,
  ]
  console.print(`${console.style('bold', who)}  ${dim(facts.filter(fact => fact !== '').join(' · '))}`)
  const children = associations.filter(({ spi }) => session.associations.includes(spi))
  console.table(children.flatMap(child => associationRows(child, dim)))
}

function associationRows(one: AssociationStatus, dim: (text: string) => string): readonly (readonly string[])[] {
  const { spi, peerSpi, rule, mode, security, algorithms, encapsulation, inbound, outbound, rekeyInSeconds, faults } =
    one
  const seals = `${security ?? algorithms}${encapsulation === 'udp' ? ' in UDP' : ''}, ${mode} mode`
  const renewal = rekeyInSeconds === null ? 'never renewed' : `new keys in ${duration(rekeyInSeconds)}`
  const bad = Object.entries(faults).filter(([, packets]) => packets > 0)
  return [
    [`  in ${spi} · out ${peerSpi}`, seals, `“${printable(rule)}”`],
    [
      dim(`  for ${duration(one.ageSeconds)}${one.isSending ? '' : ', only receives'}`),
      `${traffic(outbound)} out, ${traffic(inbound)} in`,
      dim([renewal, ...bad.map(([kind, packets]) => `${packets} ${faultWords[kind] ?? kind}`)].join(' · ')),
    ],
  ]
}

const faultWords: Readonly<Record<string, string>> = {
  replayed: 'seen before',
  notAuthentic: 'not authentic',
  badPadding: 'badly padded',
  outsideSelectors: 'outside of what was agreed on',
}

function traffic({ packets, bytes }: { readonly packets: number; readonly bytes: number }): string {
  return `${packets === 1 ? '1 packet' : `${packets} packets`} (${octets(bytes)})`
}

function octets(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return `${Math.round(seconds / 3600)} h`
}
