// What a version of IKE can do of what a rule asks for. Kerberos was defined for IKEv1 alone
// (draft-ietf-ipsec-isakmp-gss-auth), and only IKEv1 could agree on AH and ESP at once: IKEv2 has one protocol in a proposal
// and no bundles (RFC 7296 §3.3). IKEv1 in turn never got numbers for what came after it.
import type { Path } from './located-yaml.ts'
import type { Authentication, KeyingVersion, Rule } from './model.ts'
import { offerOf } from './offers.ts'
import { isSecurityOfIkev1 } from './offers-of-ikev1.ts'

/** AH and ESP around each other. */
export function isBundle(security: string): boolean {
  return security.includes('+')
}

/** Where a rule does not say: the version that can do what it asks for. */
export function defaultKeying(security: readonly string[], authentication: readonly Authentication[]): KeyingVersion {
  const isKerberos = authentication.length > 0 && authentication.every(({ kind }) => kind === 'kerberos')
  const areBundles = security.length > 0 && security.every(isBundle)
  return isKerberos || areBundles ? 'ikev1' : 'ikev2'
}

export interface NotNegotiable {
  readonly severity: 'error' | 'warning'
  /** Inside the rule. */
  readonly path: Path
  readonly what: string
  readonly hint: string
}

/** What of a rule its versions of IKE can never agree on. `hasKeys`: its keys stand in the file. */
export function notNegotiable(rule: Rule, hasKeys: boolean): readonly NotNegotiable[] {
  const { action, keying, security, authentication } = rule
  if (action !== 'negotiate' || keying.length === 0 || hasKeys) return []
  if (keying.includes('ikev1')) return keying.includes('ikev2') ? [] : notOfIkev1(rule)
  const found: NotNegotiable[] = []
  if (authentication.length > 0 && authentication.every(({ kind }) => kind === 'kerberos')) {
    const hint = 'write keying: [ikev1], or another way to authenticate'
    found.push({ severity: 'error', path: ['authentication'], what: 'IKEv2 has no Kerberos', hint })
  }
  const isNothingLeft = security.length > 0 && security.every(isBundle)
  if (isNothingLeft) {
    const what = 'IKEv2 cannot agree on AH and ESP at once, and nothing else is offered'
    found.push({ severity: 'error', path: ['security'], what, hint: 'offer esp-aes256gcm16, or write keying: [ikev1]' })
    return found
  }
  for (const [index, name] of security.entries()) {
    if (!isBundle(name)) continue
    const what = 'IKEv2 cannot agree on AH and ESP at once: this method is never offered'
    const hint = 'leave it out, or write keying: [ikev2, ikev1]'
    found.push({ severity: 'warning', path: ['security', index], what, hint })
  }
  return found
}

function notOfIkev1({ security }: Rule): readonly NotNegotiable[] {
  // Of names that mean nothing the schema has said so.
  const names = security.filter(name => offerOf(name).ok && !isSecurityOfIkev1(name))
  const isNothingLeft = names.length > 0 && names.length === security.length
  return names.slice(0, isNothingLeft ? 1 : names.length).map(name => {
    const what = `IKEv1 has no number for ${name}${isNothingLeft ? ', and nothing else is offered that it has' : ': this method is never offered'}`
    const hint = isNothingLeft
      ? 'offer esp-aes256gcm16, or write keying: [ikev2]'
      : 'leave it out, or write keying: [ikev2, ikev1]'
    return { severity: isNothingLeft ? 'error' : 'warning', path: ['security'], what, hint }
  })
}
