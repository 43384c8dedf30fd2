// How a rule's first and second authentication are said in a policy of ours. Files stand for what Windows takes from its
// certificate stores; users are not authenticated here.
import type { Address } from '../base/address.ts'
import type { Problem } from '../base/result.ts'
import type { Authentication, RevocationCheck } from '../policy/model.ts'
import { problem, warning } from './connection-security-cells.ts'
import { auth1Of, auth2Of, wellKnownSets } from './connection-security-defaults.ts'
import type {
  AuthProposal,
  CertificateCriteria,
  ConnectionSecurityPolicy,
  ConnectionSecurityRule,
} from './connection-security-rules.ts'

export interface CertificateFiles {
  readonly ca?: string
  readonly own?: string
  readonly key?: string
}

export interface AuthenticationContext {
  readonly kdc?: readonly Address[]
  /** No other version of IKE is spoken by the rule. */
  readonly isIkev2: boolean
  certificates?(authority: string | undefined): CertificateFiles | undefined
}

/** In the order of StrongCRLCheck; Windows asks for no list unless it is told to. */
const revocations: readonly RevocationCheck[] = ['off', 'if-known', 'required']

export function authenticationOf(
  policy: ConnectionSecurityPolicy,
  rule: ConnectionSecurityRule,
  context: AuthenticationContext,
  losses: Problem[],
): readonly Authentication[] {
  const where = rule.name
  const set = auth1Of(policy, rule.auth1 ?? wellKnownSets.auth1)
  if (set === undefined)
    losses.push(problem(where, `the authentication set ${rule.auth1} is not there`, 'give its keys too'))
  const revocation = revocations[policy.settings.revocation ?? 0]!
  const found = (set?.proposals ?? []).flatMap(proposal => one(proposal, revocation, where, context, losses))
  if (found.length === 0) losses.push(problem(where, 'no way to authenticate is left', 'write one into the policy'))
  const second = auth2Of(policy, rule.auth2)
  if (second !== undefined && second.proposals.length > 0) {
    const isOptional = second.proposals.some(({ method }) => method === 'anonymous')
    const what = 'users are not authenticated here: the second authentication is left out'
    losses.push(isOptional ? warning(where, what) : problem(where, what))
  }
  return found
}

function one(
  proposal: AuthProposal,
  revocation: RevocationCheck,
  where: string,
  context: AuthenticationContext,
  losses: Problem[],
): readonly Authentication[] {
  switch (proposal.method) {
    case 'computer-kerberos':
      if (context.isIkev2) {
        losses.push(warning(where, 'IKEv2 has no Kerberos: it is left out'))
        return []
      }
      if (proposal.proxy !== undefined) losses.push(warning(where, 'a Kerberos proxy is not asked here'))
      return [{ kind: 'kerberos', kdc: context.kdc ?? [] }]
    case 'computer-preshared-key':
      if (proposal.key === undefined) losses.push(problem(where, 'a preshared key is not there'))
      return proposal.key === undefined ? [] : [{ kind: 'preSharedKey', secret: proposal.key }]
    case 'computer-certificate':
      return [certificate(proposal, revocation, where, context, losses)]
    case 'anonymous':
      losses.push(warning(where, 'peers that do not authenticate are not accepted here'))
      return []
    default:
      losses.push(warning(where, `${proposal.method} is not known here and left out`))
      return []
  }
}

function certificate(
  proposal: AuthProposal,
  revocation: RevocationCheck,
  where: string,
  context: AuthenticationContext,
  losses: Problem[],
): Authentication {
  const files = context.certificates?.(proposal.authority)
  if (files === undefined) {
    const what = `Windows takes certificates of ${JSON.stringify(proposal.authority ?? '')} from its store`
    losses.push(problem(where, what, 'write the files ca, own and key into the policy'))
  }
  if (proposal.mapsAccount === true)
    losses.push(problem(where, 'certificates are not looked up as accounts of a directory here', 'write accounts'))
  if (proposal.isHealth === true) losses.push(problem(where, 'health certificates are not asked for here'))
  if (proposal.signing !== undefined)
    losses.push(warning(where, `certificates signed otherwise than by ${proposal.signing} are accepted too`))
  if (proposal.isIntermediate === true)
    losses.push(warning(where, 'the authority is an intermediate one: its file has to be that of the root'))
  if (proposal.excludesAuthorityName === true)
    losses.push(warning(where, "the authority's name is sent when certificates are asked for"))
  return { kind: 'certificate', ...files, revocation, ...criteriaOf(proposal.criteria, where, losses) }
}

function criteriaOf(
  criteria: CertificateCriteria | undefined,
  where: string,
  losses: Problem[],
): { readonly extendedKeyUsage?: string; readonly peer?: readonly string[] } {
  if (criteria === undefined) return {}
  const { purpose, thumbprint, usages, subject, subjectType } = criteria
  if (thumbprint !== undefined) losses.push(problem(where, 'a certificate is not known by its thumbprint here'))
  if (purpose !== 'validation') losses.push(warning(where, 'which own certificate is sent is said by its file here'))
  if (purpose === 'selection') return {}
  if (usages.length > 1) losses.push(problem(where, 'one use of a key can be asked for here: the first counts'))
  const isName = subjectType === 'DomainName' || subjectType === 'EmailAddress' || subjectType === 'UserPrincipalName'
  if (subject !== undefined && !isName)
    losses.push(problem(where, `a certificate is not known by a part of its subject here (${subjectType ?? 'none'})`))
  return {
    ...(usages[0] === undefined ? {} : { extendedKeyUsage: usages[0] }),
    ...(subject !== undefined && isName ? { peer: [subject] } : {}),
  }
}
