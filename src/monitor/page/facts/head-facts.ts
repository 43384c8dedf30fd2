// Who enforces what, as the head of the page tells it in few words.
import type { AgentStatus } from '../../agent-status.ts'
import { count, rate, span } from '../../words.ts'
import { momentWords } from './moment.ts'
import type { PageState } from './page-state.ts'
import { leakOf } from './wire-facts.ts'

export interface HeadFact {
  readonly label: string
  readonly value: string
  readonly isBad: boolean
}

export function headFacts({ view }: PageState): readonly HeadFact[] {
  const { status, samples, connection } = view
  if (status === null) return []
  const { setting, policy, guard, wire } = status
  const last = samples.at(-1)
  const good = (label: string, value: string): HeadFact => ({ label, value, isBad: false })
  const from = { policy: 'from the policy', registry: 'from the registry', default: 'the default' }[setting.from]
  return [
    good('Profile', policy.profile),
    good(setting.name ?? 'Setting', setting.name === null ? 'none is read' : `${setting.value}, ${from}`),
    guard === null
      ? { label: 'Guard', value: 'none', isBad: true }
      : { label: 'Guard', value: guard.isThere ? 'in place' : 'NOT in place', isBad: !guard.isThere },
    wireFact(wire, status.at),
    good('Sealed', `out ${rate(last?.sealed.outbound.bytes ?? 0)}, in ${rate(last?.sealed.inbound.bytes ?? 0)}`),
    good('Associations', count(status.associations.length)),
    good('Own addresses', status.addresses.join(', ')),
    connection === 'lost'
      ? { label: 'Agent', value: `not reached; last word at ${momentWords(status.at, status.at)}`, isBad: true }
      : good('Agent', `${status.state.replace('-', ' ')} for ${span(status.at - status.since)}`),
  ]
}

function wireFact(wire: AgentStatus['wire'], now: number): HeadFact {
  if (wire === null) return { label: 'Wire', value: 'not watched', isBad: false }
  const leak = leakOf(wire)
  const seen = leak === null ? 'no leak' : `${count(leak.packets)} leaked since ${momentWords(wire.since, now)}`
  // What the watch had no time for may have been anything.
  const missed = wire.unread === 0 ? '' : `, ${count(wire.unread)} packets not seen`
  return { label: 'Wire', value: `watched, ${seen}${missed}`, isBad: leak !== null || wire.unread > 0 }
}
