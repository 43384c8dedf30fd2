// What a person writes for the firewall, read: `tcp/22`, `out:udp/53@10.0.0.1`, `icmp`, `dhcp`; and hosts.
import { type Prefix, parsePrefix } from '../base/address.ts'
import { hasPorts, parseProtocol, protocolName, protocolNames } from '../base/flow.ts'
import { failure, nearest, type Problem, type Result, success } from '../base/result.ts'
import type { PortRange } from '../policy/model.ts'
import type { FirewallOptions, Permit } from './firewall-ruleset.ts'

const FORM = 'write [in:|out:]PROTOCOL[/PORT[-PORT]][@ADDRESS[/LENGTH]], such as tcp/22 or out:udp/53@10.0.0.1, or dhcp'

/** Every fault at once. */
export function readFirewallOptions(
  permits: readonly string[],
  hosts: readonly string[],
): Result<FirewallOptions, readonly Problem[]> {
  const problems: Problem[] = []
  const take = <T>(result: Result<T, Problem>): readonly T[] => {
    if (result.ok) return [result.value]
    problems.push(result.error)
    return []
  }
  const options = {
    permits: permits.flatMap(text => take(readPermit(text))),
    hosts: hosts.flatMap(text => take(readHost('--host', text))),
  }
  return problems.length > 0 ? failure(problems) : success(options)
}

export function readPermit(text: string): Result<Permit, Problem> {
  const wrong = (what: string, hint = FORM) => failure(problem('--permit', what, hint))
  if (text.toLowerCase() === 'dhcp') return success({ begins: 'out', text: 'dhcp' })
  const parts = /^(?:(in|out):)?([a-z0-9-]+)(?:\/(\d{1,6})(?:-(\d{1,6}))?)?(?:@(\S+))?$/i.exec(text)
  if (parts === null) return wrong(`“${shown(text)}” cannot be read`)
  const [, side, name, first, last, host] = parts
  const protocol = parseProtocol(name!)
  if (protocol === undefined) {
    const meant = nearest(name!, [...protocolNames, 'dhcp'])
    return wrong(`“${shown(name!)}” is no protocol`, meant === undefined ? FORM : `did you mean ${meant}?`)
  }
  const ports = first === undefined ? undefined : { first: Number(first), last: Number(last ?? first) }
  if (ports !== undefined && !hasPorts(protocol)) return wrong(`${protocolName(protocol)} has no ports`)
  if (ports !== undefined && (ports.first > ports.last || ports.last > 65535)) {
    return wrong(`“${shown(text)}”: ports run from 0 to 65535, the smaller first`)
  }
  const far = host === undefined ? undefined : readHost('--permit', host)
  if (far !== undefined && !far.ok) return far
  return success(permit(side?.toLowerCase(), protocol, ports, far?.value, text))
}

function permit(
  side: string | undefined,
  protocol: number,
  ports: PortRange | undefined,
  far: Prefix | undefined,
  text: string,
): Permit {
  return {
    begins: side === 'in' || side === 'out' ? side : 'either',
    protocol,
    ...(ports === undefined ? {} : { ports }),
    ...(far === undefined ? {} : { with: far }),
    text,
  }
}

function readHost(where: string, text: string): Result<Prefix, Problem> {
  const prefix = parsePrefix(text)
  if (prefix !== undefined) return success(prefix)
  return failure(problem(where, `“${shown(text)}” is no address`, 'write 10.0.0.1, 10.0.0.0/24, fd00::1 or fd00::/64'))
}

function shown(text: string): string {
  return text.replace(/\p{C}/gu, '').slice(0, 60)
}

function problem(where: string, what: string, hint: string): Problem {
  return { severity: 'error', where, what, hint }
}
