// Whether a rule is as one criterion of `set`, `delete` or `show` says: `name=all`, `profile=domain`, `port1=80`.
import { formatPorts } from '../policy/filter.ts'
import { formatEndpointAddress, readEndpoint, readPortList, readProtocolWord } from './connection-security-cells.ts'
import type { ConnectionSecurityRule, RuleHead } from './connection-security-rules.ts'
import { networkProfiles } from './connection-security-words.ts'

export function fits(rule: RuleHead, tag: string, text: string): boolean {
  const same = (a: string | undefined, b: string) => a?.toLowerCase() === b.toLowerCase()
  const consec = rule as Partial<ConnectionSecurityRule>
  const list = <T>(values: readonly T[] | undefined, say: (one: T) => string) =>
    (values ?? []).map(say).join(',').toLowerCase()
  switch (tag) {
    case 'name':
      return text.toLowerCase() === 'all' || same(rule.name, text)
    case 'group':
      return same(rule.group, text)
    case 'profile': {
      const asked = text.split(',').flatMap(word => networkProfiles.from('netsh', word.trim()) ?? [])
      return same(text, 'any') || rule.profiles.length === 0 || asked.some(profile => rule.profiles.includes(profile))
    }
    case 'type':
      return (consec.isStatic === true) === same(text, 'static')
    case 'protocol': {
      const asked = readProtocolWord(text)
      return asked.ok && asked.value === consec.protocol
    }
    case 'port1':
    case 'port2': {
      const asked = readPortList(text.split(','))
      return (
        asked.ok &&
        list(asked.value, formatPorts) === list(tag === 'port1' ? consec.ports1 : consec.ports2, formatPorts)
      )
    }
    default: {
      const asked = readEndpoint(text.split(','))
      const own = tag === 'endpoint1' ? rule.endpoint1 : rule.endpoint2
      return asked.ok && list(asked.value, formatEndpointAddress) === list(own, formatEndpointAddress)
    }
  }
}
