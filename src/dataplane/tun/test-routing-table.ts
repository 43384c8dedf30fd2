// For tests: what the kernel does with rules and routes, as plainly as it can be said (fib_rules_lookup of Linux). Rules in
// the order of their priorities, of equal ones in the order in which they came; the first whose table has a route decides.
import type { Address } from '../../base/address.ts'
import { isInside } from '../../base/address.ts'
import { type Flow, ICMP, ICMPV6 } from '../../base/flow.ts'
import type { PortRange, Route, Rule } from '../../native/route-messages.ts'

/** What a look-up knows of a packet. */
export interface Question {
  readonly family: 4 | 6
  /** Absent: not chosen yet. */
  readonly source?: Address
  readonly destination: Address
  /** 0: not known, as of ARP. */
  readonly protocol: number
  readonly sourcePort: number
  readonly destinationPort: number
  readonly mark: number
  readonly incomingLink: string
}

/** As the kernel keeps a flow: an ICMP type stands where others have the upper octet of their destination port. */
export function questionOf(flow: Flow, source: Address | undefined = flow.source): Question {
  const { protocol } = flow
  const isIcmp = protocol === ICMP || protocol === ICMPV6
  return {
    family: flow.destination.family,
    ...(source === undefined ? {} : { source }),
    destination: flow.destination,
    protocol,
    sourcePort: flow.sourcePort ?? 0,
    destinationPort: isIcmp ? (flow.icmpType ?? 0) << 8 : (flow.destinationPort ?? 0),
    mark: 0,
    incomingLink: 'lo',
  }
}

/** `kernel`: no rule of ours had anything to say. */
export function askRoutes(rules: readonly Rule[], routes: readonly Route[], question: Question) {
  const ordered = rules.filter(rule => rule.family === question.family).toSorted((a, b) => a.priority - b.priority)
  let from = 0
  for (const rule of ordered) {
    if (rule.priority < from || !fits(rule, question)) continue
    if (rule.isLandmark === true) continue
    if (rule.goTo !== undefined) {
      // Where the landmark is missing the kernel passes over the rule.
      if (ordered.some(one => one.priority === rule.goTo)) from = rule.goTo
      continue
    }
    const route = longest(routes, rule.table, question.destination)
    if (route !== undefined) return route.kind === 'unreachable' ? 'nowhere' : 'device'
  }
  return 'kernel'
}

function fits(rule: Rule, question: Question): boolean {
  const { source, destination } = question
  return (
    (rule.from === undefined || (source !== undefined && isInside(source, rule.from))) &&
    (rule.to === undefined || isInside(destination, rule.to)) &&
    (rule.protocol === undefined || rule.protocol === question.protocol) &&
    portFits(rule.sourcePorts, question.sourcePort) &&
    portFits(rule.destinationPorts, question.destinationPort) &&
    (rule.mark === undefined || rule.mark === question.mark) &&
    (rule.incomingLink === undefined || rule.incomingLink === question.incomingLink)
  )
}

function portFits(range: PortRange | undefined, port: number): boolean {
  return range === undefined || (range.from <= port && port <= range.to)
}

export function longest(routes: readonly Route[], table: number, destination: Address): Route | undefined {
  return routes
    .filter(route => route.table === table && isInside(destination, route.to))
    .toSorted((a, b) => b.to.length - a.to.length || (a.metric ?? 0) - (b.metric ?? 0))[0]
}
