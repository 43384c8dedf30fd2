// A policy of ours as objects of Windows 2000 to 11, with every word named that is lost on the way. Windows agrees on keys for
// these policies by IKEv1, with DES or 3DES and SHA-1 or MD5: of what is asked for beyond that the caller is told. GUIDs come
// from the caller's randomness, so that the same seed gives the same objects.
import type { Random } from '../base/random.ts'
import type { Problem } from '../base/result.ts'
import type { Authentication, Policy, Rule } from '../policy/model.ts'
import { filterListFrom, tunnelEnd } from './from-policy-filters.ts'
import type { QuickModeOffer } from './policy-blobs.ts'
import { actionGuids, type Guid, guidOf, typeGuids } from './policy-guids.ts'
import { Losses, ruleAt } from './policy-losses.ts'
import {
  type BlobForm,
  DEFAULT_IKE_SECONDS,
  defaultMainModeMethods,
  defaultResponseOffers,
  fallBackOffer,
  type NewCredential,
  newFilterList,
  newIsakmp,
  newNegotiation,
  newPolicy,
  newRule,
  quickModeOffer,
} from './policy-makers.ts'
import { algorithmsNamed, mainModeMethodNamed } from './policy-methods.ts'
import { type PolicyStore, type WindowsObject, withOwners } from './policy-objects.ts'

export interface FromPolicyOptions {
  readonly random: Random
  /** Absent: `windows-2000`, which every Windows reads. */
  readonly form?: BlobForm
  /** Seconds since 1970. */
  readonly whenChanged?: number
  /** The distinguished name of the authority in a file of certificates. */
  readonly authorityOf?: (file: string) => string | undefined
}

export interface FromPolicy {
  /** One policy, assigned. */
  readonly store: PolicyStore
  readonly losses: readonly Problem[]
}

const LARGEST = 0xffff_ffff

export function fromPolicy(policy: Policy, options: FromPolicyOptions): FromPolicy {
  return new Writing(policy, options).run()
}

class Writing {
  readonly #policy: Policy
  readonly #options: FromPolicyOptions
  readonly #form: BlobForm
  readonly #losses = new Losses('')
  readonly #objects: WindowsObject[] = []

  constructor(policy: Policy, options: FromPolicyOptions) {
    this.#policy = policy
    this.#options = options
    this.#form = options.form ?? 'windows-2000'
  }

  run(): FromPolicy {
    const { name, rules, defaultResponse } = this.#policy
    this.#policyLosses()
    const id = this.#newId()
    const isakmp = this.#isakmp()
    const written = rules.map(rule => this.#rule(rule))
    if (defaultResponse) written.push(this.#defaultResponse())
    const policy = newPolicy(this.#head(id, name), { isakmp, rules: written })
    const store = withOwners({ assigned: id, objects: [policy, ...this.#objects] })
    return { store, losses: this.#losses.found }
  }

  /** Version 4 of RFC 9562. */
  #newId(): Guid {
    const octets = new Uint8Array(16)
    this.#options.random.fill(octets)
    octets[7] = (octets[7]! & 0x0f) | 0x40
    octets[8] = (octets[8]! & 0x3f) | 0x80
    return guidOf(octets)
  }

  #head(id: Guid, name?: string, description?: string) {
    return { id, name, description, whenChanged: this.#options.whenChanged }
  }

  #policyLosses(): void {
    const { role, networks, keys, ike, test } = this.#policy
    const losses = this.#losses
    if (role !== undefined) losses.warn(`role: ${role}`, 'Windows knows what it is')
    if (networks.length > 0) losses.warn('networks', 'Windows knows on which it is')
    if (keys !== undefined) losses.error('keys that are not agreed on', 'Windows agrees on all keys by IKE')
    if (test === true) losses.warn('test: true', 'Windows has no such word')
    if (ike?.liveness !== undefined) losses.warn('liveness of IKE', 'Windows asks its peers when it wants to')
    if (ike?.silence !== undefined) losses.warn('silence of IKE', 'Windows keeps it with its own settings')
    if (ike?.childless === true) losses.warn('childless IKE sessions', 'IKEv1 has none')
    if (ike?.ppk !== undefined) losses.error('the post-quantum key of IKE', 'IKEv1 has none')
  }

  #isakmp(): Guid {
    const id = this.#newId()
    const { ike } = this.#policy
    const losses = this.#losses.at('IKE')
    const asked = ike?.lifetime?.seconds
    const seconds = asked ?? DEFAULT_IKE_SECONDS
    const methods = (ike?.security ?? []).flatMap(name => {
      const method = mainModeMethodNamed(name, seconds)
      if (method === undefined)
        losses.warn(`the method ${name}`, 'Windows has 3DES and DES, SHA-1 and MD5, groups 1, 2 and 14')
      return method ?? []
    })
    if (methods.length === 0) losses.warn('its methods', "Windows's own are written: 3DES and DES, groups 2 and 1")
    this.#objects.push(
      newIsakmp(this.#head(id), {
        instance: id,
        seconds: asked ?? 0,
        // Windows writes the limit that master key PFS means as well.
        ...(ike?.masterPfs === true ? { masterPfs: 1, quickModeLimit: 1 } : {}),
        methods: methods.length > 0 ? methods : defaultMainModeMethods(seconds),
      }),
    )
    return id
  }

  #defaultResponse(): Guid {
    const [rule, negotiation] = [this.#newId(), this.#newId()]
    const { negotiate } = actionGuids
    this.#objects.push(
      newRule(this.#head(rule), { negotiation, filterLists: [] }, { credentials: [{ kind: 'kerberos' }] }, this.#form),
      newNegotiation(this.#head(negotiation), negotiate, defaultResponseOffers(), typeGuids.defaultResponse),
    )
    return rule
  }

  #rule(rule: Rule): Guid {
    const losses = this.#losses.at(ruleAt(rule.name))
    const [id, negotiation, list] = [this.#newId(), this.#newId(), this.#newId()]
    const isNegotiate = rule.action === 'negotiate'
    this.#ruleLosses(rule, losses)
    const isTunnel = isNegotiate && rule.mode === 'tunnel'
    const tunnel = isTunnel ? tunnelEnd(rule.tunnelEndpoint, this.#form, losses) : undefined
    const to = {
      form: this.#form,
      action: rule.action,
      isTunnel,
      tunnelAddress: typeof tunnel === 'number' ? tunnel : 0,
      newId: () => this.#newId(),
    }
    const credentials = isNegotiate
      ? this.#credentials(rule.authentication, losses)
      : [{ kind: 'kerberos' } satisfies NewCredential]
    const offers = isNegotiate ? this.#offers(rule, losses) : []
    const isHopeless = isNegotiate && offers.every(({ algorithmCount }) => algorithmCount === 0)
    if (isHopeless) losses.error('no method is left that Windows has', 'the rule blocks')
    this.#objects.push(
      newRule(
        this.#head(id, rule.name, rule.description),
        { negotiation, filterLists: [list] },
        { credentials, isActive: rule.active, tunnel },
        this.#form,
      ),
      newNegotiation(this.#head(negotiation, rule.name), isHopeless ? actionGuids.block : actionOf(rule), offers),
      newFilterList(this.#head(list, rule.name), filterListFrom(rule.filters, to, losses)),
    )
    return id
  }

  #ruleLosses(rule: Rule, losses: Losses): void {
    const { keying, encapsulation, keyExchange } = rule
    if (rule.action !== 'negotiate') {
      const meaningless = [
        rule.mode === 'tunnel' ? 'mode' : '',
        rule.acceptUnsecuredInbound ? 'acceptUnsecuredInbound' : '',
        rule.fallBackToClear ? 'fallBackToClear' : '',
        rule.freshKeys ? 'freshKeys' : '',
        keying.length > 0 ? 'keying' : '',
        rule.security.length > 0 ? 'security' : '',
        rule.authentication.length > 0 ? 'authentication' : '',
      ].filter(word => word !== '')
      if (meaningless.length > 0) losses.warn(meaningless.join(', '), `they mean nothing with action ${rule.action}`)
      return
    }
    if (keying.length !== 1 || keying[0] !== 'ikev1')
      losses.warn(`keying: ${keying.join(', ')}`, 'Windows uses IKEv1 for these policies')
    if (keyExchange !== undefined) losses.warn(`keyExchange: ${keyExchange}`, 'Windows uses that of the IKE session')
    if (encapsulation !== undefined)
      losses.warn(`encapsulation: ${encapsulation}`, 'Windows uses UDP where a NAT is on the way')
  }

  #offers(rule: Rule, losses: Losses): readonly QuickModeOffer[] {
    const { seconds = 0, kilobytes = 0 } = rule.lifetime ?? {}
    if (seconds > LARGEST || kilobytes > LARGEST) losses.warn('the lifetime', `Windows counts to ${LARGEST}`)
    const options = {
      seconds: Math.min(seconds, LARGEST),
      kilobytes: Math.min(kilobytes, LARGEST),
      freshKeys: rule.freshKeys,
    }
    const offers = rule.security.flatMap(name => {
      const algorithms = algorithmsNamed(name)
      if (algorithms === undefined)
        losses.warn(`the method ${name}`, 'Windows has ESP with 3DES, DES or nothing, and SHA-1 or MD5')
      return algorithms === undefined ? [] : [quickModeOffer(algorithms, options)]
    })
    return rule.fallBackToClear ? [...offers, fallBackOffer()] : offers
  }

  #credentials(all: readonly Authentication[], losses: Losses): readonly NewCredential[] {
    return all.flatMap(one => this.#credential(one, losses) ?? [])
  }

  #credential(one: Authentication, losses: Losses): NewCredential | undefined {
    switch (one.kind) {
      case 'kerberos':
        this.#detailLosses(one, ['kind'], losses)
        return { kind: 'kerberos' }
      case 'preSharedKey':
        this.#detailLosses(one, ['kind', 'secret'], losses)
        return { kind: 'pre-shared-key', secret: one.secret }
      case 'certificate': {
        const authority = one.ca === undefined ? undefined : this.#options.authorityOf?.(one.ca)
        if (authority === undefined) {
          losses.error('the name of its certificate authority is not known', 'this way to authenticate is left out')
          return undefined
        }
        this.#detailLosses(one, ['kind', 'ca', 'own', 'key'], losses)
        return { kind: 'certificate', authority }
      }
      default:
        losses.error(`authentication by ${one.kind}`, 'Windows has pre-shared keys, certificates and Kerberos')
        return undefined
    }
  }

  /** Words that Windows has not: identities, files, key distribution centres. */
  #detailLosses(one: Authentication, kept: readonly string[], losses: Losses): void {
    const lost = Object.entries(one)
      .filter(([key, value]) => !kept.includes(key) && !(Array.isArray(value) && value.length === 0))
      .map(([key]) => key)
    // Who else than the named ones may come is then for Windows to say.
    const narrows = lost.some(key => ['peer', 'accounts', 'extendedKeyUsage', 'revocation', 'crls'].includes(key))
    const what = `${one.kind}: ${lost.join(', ')}`
    if (narrows) losses.error(what, 'Windows has no word for it here: more peers may be accepted')
    else if (lost.length > 0) losses.warn(what, 'Windows has no word for it here')
  }
}

function actionOf({ action, acceptUnsecuredInbound }: Rule): Guid {
  return action === 'negotiate' && acceptUnsecuredInbound ? actionGuids.acceptUnsecured : actionGuids[action]
}
