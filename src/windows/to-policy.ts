// A policy of Windows 2000 to 11 as a policy of ours, with every word named that is lost on the way. What Windows asks of its
// machine (name servers, certificates by the name of their authority) is asked of the caller. Where something cannot be said,
// the safe side is taken: a rule that could agree on nothing blocks.
import { type Address, addressFromOctets } from '../base/address.ts'
import { failure, type Problem, type Result, success } from '../base/result.ts'
import type { Authentication, FilterAction, KeyLifetime, Policy, ProfileName, Rule } from '../policy/model.ts'
import { credentialOf } from './policy-blob-parts.ts'
import type { QuickModeOffer, RuleContent } from './policy-blobs.ts'
import { actionGuids, type Guid, parseGuid, typeGuids } from './policy-guids.ts'
import { Losses, ruleAt, smallest, someOf } from './policy-losses.ts'
import { DEFAULT_POLLING_SECONDS, interfaceTypes } from './policy-makers.ts'
import { isFallBack, securityName } from './policy-methods.ts'
import {
  type NegotiationObject,
  objectOf,
  type PolicyObject,
  type PolicyStore,
  type RuleObject,
  referenceIn,
} from './policy-objects.ts'
import { filtersOf, type Servers } from './to-policy-filters.ts'
import { ikeOf } from './to-policy-ike.ts'

type CertificateFiles = Omit<Extract<Authentication, { readonly kind: 'certificate' }>, 'kind'>

export interface ToPolicyOptions {
  /** Absent: the one that is assigned. */
  readonly policy?: Guid
  /** Absent: `windows-server-2003`, the last that reads NoDefaultExempt. */
  readonly profile?: ProfileName
  /** Settings of the registry that belong to the policy but stand elsewhere. */
  readonly settings?: Partial<Pick<Policy, 'noDefaultExempt' | 'ipsecExempt' | 'networks' | 'role'>>
  /** What Windows's DNS, WINS and DHCP servers and default gateway are. */
  readonly servers?: Servers
  /** The files by which an authority's certificates are checked and ours is shown. */
  readonly certificateOf?: (authority: string) => CertificateFiles | undefined
}

export interface ToPolicy {
  readonly policy: Policy
  readonly losses: readonly Problem[]
}

/** Fails where the policy is not there. */
export function toPolicy(store: PolicyStore, options: ToPolicyOptions = {}): Result<ToPolicy, readonly Problem[]> {
  const id = options.policy ?? store.assigned
  const found = objectOf(store, 'policy', id)
  if (found === undefined) {
    const what = id === undefined ? 'no policy is assigned' : `there is no policy ${id}`
    return failure([{ severity: 'error', where: 'policy', what, hint: 'name one of those that are there' }])
  }
  return success(new Translation(store, options, found).run())
}

/** Not in the middle of a character. */
function shortened(text: string, most: number): string {
  return text
    .slice(0, most)
    .replace(/[\ud800-\udbff]$/, '')
    .trim()
}

/** What is said in one line; everything else is no name for us. */
function labelOf(text: string | undefined, byDefault: string): string {
  const plain = (text ?? '').replace(/\p{C}+/gu, ' ').trim()
  return plain === '' ? byDefault : shortened(plain, 190)
}

/** Some programs put a GUID or a path of the registry where a name would stand. */
function spokenName(name: string | undefined): string | undefined {
  const isSpoken = name !== undefined && referenceIn(name) === undefined && parseGuid(name) === undefined
  return isSpoken && name.trim() !== '' ? name : undefined
}

class Translation {
  readonly #store: PolicyStore
  readonly #options: ToPolicyOptions
  readonly #from: PolicyObject
  readonly #losses = new Losses('')
  readonly #names = new Set<string>()

  constructor(store: PolicyStore, options: ToPolicyOptions, from: PolicyObject) {
    this.#store = store
    this.#options = options
    this.#from = from
  }

  run(): ToPolicy {
    const rules: Rule[] = []
    let defaultResponse = false
    for (const [index, id] of this.#from.rules.entries()) {
      const object = objectOf(this.#store, 'rule', id)
      if (object === undefined) {
        this.#losses.error(`the rule ${id} is not there`, 'what it said is not known')
        continue
      }
      const negotiation = objectOf(this.#store, 'negotiation', object.negotiation)
      if (negotiation?.type === typeGuids.defaultResponse)
        defaultResponse = this.#defaultResponse(object, negotiation) || defaultResponse
      else rules.push(...this.#rule(object, negotiation, index))
    }
    const polling = this.#from.content.pollingSeconds
    if (polling !== 0 && polling !== DEFAULT_POLLING_SECONDS) {
      this.#losses.warn(`the policy was looked for every ${polling} seconds`, 'a changed policy is imported anew')
    }
    const isakmp = objectOf(this.#store, 'isakmp', this.#from.isakmp)
    const ike = ikeOf(isakmp?.content, this.#losses.at('IKE'))
    const { networks = [], ...settings } = this.#options.settings ?? {}
    const policy: Policy = {
      name: labelOf(this.#from.name, 'Windows policy'),
      profile: this.#options.profile ?? 'windows-server-2003',
      ...settings,
      defaultResponse,
      networks,
      rules,
      ...(ike === undefined ? {} : { ike }),
    }
    return { policy, losses: this.#losses.found }
  }

  /** Whether it answers. Our own default response has no methods of its own. */
  #defaultResponse({ content }: RuleObject, { content: { offers } }: NegotiationObject): boolean {
    if (content.isActive === 0) return false
    const losses = this.#losses.at('default response')
    const isPlain = content.authentication.every(method => credentialOf(method).kind === 'kerberos')
    const isUsual = offers.every(offer => offer.pfs === 0 && offer.seconds === 0 && offer.kilobytes === 0)
    if (!isPlain || !isUsual)
      losses.warn('its own methods and ways to authenticate are not kept', 'write a rule for its peers')
    return true
  }

  /** A rule that is left without filters is none. */
  #rule(object: RuleObject, negotiation: NegotiationObject | undefined, index: number): readonly Rule[] {
    const named = spokenName(object.name) ?? spokenName(negotiation?.name)
    const name = this.#unique(labelOf(named, `rule ${index + 1}`))
    const losses = this.#losses.at(ruleAt(name))
    const { content } = object
    const kept = this.#action(negotiation, losses)
    const offers = negotiation?.content.offers ?? []
    const isNegotiate = kept === 'negotiate'
    const security = isNegotiate ? this.#security(offers, losses) : []
    const isTunnel = content.isTunnel !== 0
    const endpoint = isNegotiate ? this.#endpoint(content, losses) : undefined
    const hasMethods = !isNegotiate || security.length > 0
    if (!hasMethods) losses.error('no method is left to secure with', 'the rule blocks; write methods of your own')
    const hasEnd = !isNegotiate || !isTunnel || endpoint !== undefined
    if (!hasEnd) losses.error('the tunnel has no far end', 'the rule blocks; write tunnelEndpoint')
    const action = hasMethods && hasEnd ? kept : 'block'
    const description = object.description?.replace(/\p{C}+/gu, ' ').trim()
    const lists = object.filterLists.flatMap(id => {
      const list = objectOf(this.#store, 'filter-list', id)
      if (list === undefined) losses.error(`the filter list ${id} is not there`, 'what it said is not known')
      return list === undefined ? [] : [list]
    })
    const context = { action, isTunnel: isTunnel && action === 'negotiate', servers: this.#options.servers ?? {} }
    const filters = lists.flatMap(list => filtersOf(list.content, context, losses))
    if (filters.length === 0) {
      losses.narrower(action, 'it has no filter', 'the rule is left out')
      return []
    }
    const common = {
      name,
      ...(description === undefined || description === '' ? {} : { description: shortened(description, 200) }),
      filters,
      action,
      active: this.#isActive(content, action, losses),
    }
    if (action !== 'negotiate')
      return [{ ...common, mode: 'transport', security: [], keying: [], authentication: [], ...plainOptions }]
    const lifetime = this.#lifetime(offers, losses)
    return [
      {
        ...common,
        mode: isTunnel ? 'tunnel' : 'transport',
        ...(endpoint === undefined ? {} : { tunnelEndpoint: endpoint }),
        security,
        // Windows agrees on keys for these policies by IKE of the first version, and by no other.
        keying: ['ikev1'],
        authentication: this.#authentication(content, losses),
        acceptUnsecuredInbound: negotiation?.action === actionGuids.acceptUnsecured,
        fallBackToClear: offers.some(isFallBack),
        freshKeys: offers[0] !== undefined && offers[0].pfs !== 0,
        ...(lifetime === undefined ? {} : { lifetime }),
      },
    ]
  }

  #unique(name: string): string {
    let free = name
    for (let number = 2; this.#names.has(free); number++) free = `${name} (${number})`
    this.#names.add(free)
    return free
  }

  #action(negotiation: NegotiationObject | undefined, losses: Losses): FilterAction {
    switch (negotiation?.action) {
      case actionGuids.permit:
        return 'permit'
      case actionGuids.block:
        return 'block'
      case actionGuids.negotiate:
      case actionGuids.acceptUnsecured:
        return 'negotiate'
    }
    const what =
      negotiation === undefined ? 'its filter action is not there' : `the action ${negotiation.action} is not known`
    losses.warn(what, 'the rule blocks')
    return 'block'
  }

  #isActive(content: RuleContent, action: FilterAction, losses: Losses): boolean {
    const { interfaceType } = content
    const known = Object.values(interfaceTypes).some(type => type === interfaceType)
    if (interfaceType === interfaceTypes.lan || interfaceType === interfaceTypes.dialUp) {
      const kind = interfaceType === interfaceTypes.lan ? 'LAN' : 'dial-up'
      losses.wider(action, `it was for ${kind} connections alone`, 'here it is for all')
    }
    if (!known)
      losses.narrower(
        action,
        `connections of type ${interfaceType} are not known`,
        'Windows applies it to none; the rule is inactive',
      )
    const name = content.interfaceName ?? ''
    if (name !== '')
      losses.wider(action, `it was for the interface ${JSON.stringify(name)} alone`, 'here it is for all')
    return content.isActive !== 0 && known
  }

  #endpoint(content: RuleContent, losses: Losses): Address | undefined {
    if (content.isTunnel === 0) return undefined
    const name = content.tunnelName ?? ''
    if (name !== '') losses.warn(`the tunnel's end was named ${JSON.stringify(name)}`, 'its address is kept')
    if (content.tunnelAddress6 !== undefined) return addressFromOctets(content.tunnelAddress6)
    if (content.tunnelAddress !== 0) return { family: 4, words: [content.tunnelAddress] }
    return undefined
  }

  #security(offers: readonly QuickModeOffer[], losses: Losses): readonly string[] {
    const names = offers.flatMap(offer => {
      if (isFallBack(offer)) return []
      const named = securityName(offer)
      if ('name' in named) return [named.name]
      losses.warn(`a method is left out: ${named.why}`, 'the others stay')
      return []
    })
    return [...new Set(names)]
  }

  /** Of methods that differ, the shortest: keys are never older than any of them allowed. */
  #lifetime(offers: readonly QuickModeOffer[], losses: Losses): KeyLifetime | undefined {
    const counting = offers.filter(offer => !isFallBack(offer))
    const kept = (key: 'seconds' | 'kilobytes', least: number, most: number): number | undefined => {
      const values = counting.map(offer => offer[key])
      const set = values.filter(value => value !== 0)
      const shortest = smallest(set)
      if (shortest === undefined) return undefined
      if (values.some(value => value !== shortest)) {
        losses.warn(`the methods had lifetimes of their own: ${someOf(values)} ${key}`, `${shortest} is kept for all`)
      }
      const sayable = Math.min(most, Math.max(least, shortest))
      if (sayable !== shortest) losses.warn(`a lifetime of ${shortest} ${key} cannot be said`, `${sayable} is kept`)
      return sayable
    }
    const [seconds, kilobytes] = [kept('seconds', 10, 31_536_000), kept('kilobytes', 1024, 2 ** 40)]
    if (seconds === undefined && kilobytes === undefined) return undefined
    return { ...(seconds === undefined ? {} : { seconds }), ...(kilobytes === undefined ? {} : { kilobytes }) }
  }

  #authentication(content: RuleContent, losses: Losses): readonly Authentication[] {
    const flags = content.extension?.flags?.values ?? []
    return content.authentication.flatMap((method, index): readonly Authentication[] => {
      const credential = credentialOf(method)
      if (credential.kind === 'kerberos') return [{ kind: 'kerberos', kdc: [] }]
      if (credential.kind === 'pre-shared-key') {
        if (credential.secret.reveal() !== '') return [{ kind: 'preSharedKey', secret: credential.secret }]
        losses.warn('a pre-shared key is empty', 'it is left out')
        return []
      }
      if (credential.kind === 'unknown') {
        losses.warn(`a way to authenticate of type ${credential.type} is left out`, 'the others stay')
        return []
      }
      return [this.#certificate(credential.authority, flags[index] ?? 0, losses)]
    })
  }

  #certificate(authority: string, flags: number, losses: Losses): Authentication {
    const files = this.#options.certificateOf?.(authority)
    if (files === undefined) {
      losses.warn(`certificates of ${JSON.stringify(authority)} are meant`, 'write the files: ca, own and key')
    }
    if ((flags & 1) !== 0 && files?.accounts === undefined) {
      losses.error('only certificates that stand for an account of the domain were accepted', 'write accounts')
    }
    if ((flags & 2) !== 0) losses.warn('the authority was not named in requests for certificates', 'here it is')
    return { kind: 'certificate', ...files }
  }
}

const plainOptions = { acceptUnsecuredInbound: false, fallBackToClear: false, freshKeys: false } as const
