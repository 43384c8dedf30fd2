// A policy back into the text of a policy file: what readPolicyText makes of it is the same policy again. Secrets are
// written only where the caller says so; left out, a line says what is missing.
import { stringify } from 'yaml'
import { type Address, formatAddress, formatPrefix } from '../base/address.ts'
import { parseProtocol, protocolName } from '../base/flow.ts'
import { Secret } from '../base/secret.ts'
import { formatPorts, formatSpec } from './filter.ts'
import type { Authentication, Filter, ManualKey, Policy, PortRange, Rule } from './model.ts'

export interface WriteOptions {
  /** `write`: whoever reads the text has them. `leave-out`: a word stands in their place, which nobody can run. */
  readonly secrets: 'write' | 'leave-out'
}

/** What stands where a secret was left out. It is no key that anybody should use, so it says so. */
export const LEFT_OUT = 'left out: write the secret here'

export function writePolicyText(policy: Policy, { secrets }: WriteOptions): string {
  const plain = new Plain(secrets === 'write')
  const { name, profile, defaultResponse, role, networks, rules, keys, ike, test } = policy
  const written = {
    name,
    profile,
    ...('noDefaultExempt' in policy ? { noDefaultExempt: policy.noDefaultExempt } : {}),
    ...('ipsecExempt' in policy ? { ipsecExempt: policy.ipsecExempt } : {}),
    ...(defaultResponse ? { defaultResponse } : {}),
    ...(role === undefined ? {} : { role }),
    ...(networks.length === 0 ? {} : { networks: networks.map(formatPrefix) }),
    ...(ike === undefined ? {} : { ike: plain.of(ike) }),
    rules: rules.map(rule => ruleOf(rule, plain)),
    ...(keys === undefined ? {} : { keys: keys.map(key => manualKeyOf(key, plain)) }),
    ...(test === true ? { test } : {}),
  }
  return stringify(written, { lineWidth: 0, aliasDuplicateObjects: false })
}

/** Values of the model as YAML has them: addresses and secrets are text there. */
class Plain {
  readonly #showsSecrets: boolean

  constructor(showsSecrets: boolean) {
    this.#showsSecrets = showsSecrets
  }

  of(value: unknown): unknown {
    if (value instanceof Secret) return this.secret(value as Secret<string | Uint8Array>)
    if (Array.isArray(value)) return value.map(one => this.of(one))
    if (typeof value !== 'object' || value === null) return value
    if ('family' in value && 'words' in value) return formatAddress(value as Address)
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, this.of(one)]))
  }

  secret(secret: Secret<string | Uint8Array>): string {
    if (!this.#showsSecrets) return LEFT_OUT
    const value = secret.reveal()
    return typeof value === 'string' ? value : value.toHex()
  }
}

function ruleOf(rule: Rule, plain: Plain): Record<string, unknown> {
  const { name, description, filters, action, active } = rule
  const common = {
    name,
    ...(description === undefined ? {} : { description }),
    filters: filters.map(filterOf),
    action,
    ...(active ? {} : { active }),
  }
  if (action !== 'negotiate') return common
  const { mode, tunnelEndpoint, security, keying, authentication, keyExchange, lifetime, encapsulation } = rule
  const flags = ['acceptUnsecuredInbound', 'fallBackToClear', 'freshKeys'] as const
  return {
    ...common,
    mode,
    ...(tunnelEndpoint === undefined ? {} : { tunnelEndpoint: formatAddress(tunnelEndpoint) }),
    security,
    keying,
    ...(authentication.length === 0 ? {} : { authentication: authentication.map(one => authenticationOf(one, plain)) }),
    ...Object.fromEntries(flags.filter(flag => rule[flag]).map(flag => [flag, true])),
    ...(keyExchange === undefined ? {} : { keyExchange }),
    ...(lifetime === undefined ? {} : { lifetime }),
    ...(encapsulation === undefined ? {} : { encapsulation }),
  }
}

function filterOf({ source, destination, protocol, sourcePort, destinationPort, mirrored }: Filter) {
  return {
    source: formatSpec(source),
    destination: formatSpec(destination),
    ...(mirrored ? {} : { mirrored }),
    ...(protocol === undefined ? {} : { protocol: protocolText(protocol) }),
    ...(sourcePort === undefined ? {} : { sourcePort: portsText(sourcePort) }),
    ...(destinationPort === undefined ? {} : { destinationPort: portsText(destinationPort) }),
  }
}

function protocolText(protocol: number): string | number {
  const name = protocolName(protocol)
  return parseProtocol(name) === protocol ? name : protocol
}

/** One port is a number also in the file. */
function portsText(range: PortRange): number | string {
  return range.first === range.last ? range.first : formatPorts(range)
}

function authenticationOf(authentication: Authentication, plain: Plain): unknown {
  const { kind, ...rest } = authentication
  const written = plain.of(rest) as Record<string, unknown>
  if (kind === 'kerberos' && isBare(rest)) return kind
  if (kind === 'preSharedKey' && Object.keys(written).length === 1) return { [kind]: written['secret'] }
  return { [kind]: written }
}

/** Nothing is said in it. */
function isBare(rest: object): boolean {
  return Object.values(rest).every(value => Array.isArray(value) && value.length === 0)
}

function manualKeyOf({ rule, source, destination, security, layers }: ManualKey, plain: Plain) {
  const one = <T>(values: readonly T[]): T | readonly T[] => (values.length === 1 ? values[0]! : values)
  const shown = (secrets: readonly Secret<Uint8Array>[]) =>
    secrets.filter(secret => secret.reveal().length > 0).map(secret => plain.secret(secret))
  const cipher = shown(layers.map(({ cipherKey }) => cipherKey))
  const integrity = shown(layers.map(({ integrityKey }) => integrityKey))
  return {
    rule,
    source: formatAddress(source),
    destination: formatAddress(destination),
    spi: one(layers.map(({ spi }) => spi)),
    security,
    ...(cipher.length === 0 ? {} : { key: one(cipher) }),
    ...(integrity.length === 0 ? {} : { integrityKey: one(integrity) }),
  }
}
