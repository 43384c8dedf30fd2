// Policies as `netsh ipsec static` commands that make them again. What netsh has no word for is named as a loss. Pre-shared
// keys stand in the text: it is as secret as they are.
import { addressFromOctets, formatAddress, formatIpv4 } from '../base/address.ts'
import type { Problem } from '../base/result.ts'
import { quotedForBatch } from './advfirewall-script.ts'
import { problem, quoted, warning } from './connection-security-cells.ts'
import { type SaidFilter, sayVersion1, sayVersion2 } from './netsh-filters.ts'
import { defaultResponseOf, isDefaultResponse, isSayable } from './netsh-state.ts'
import { formatMainModeMethod, formatQuickModeMethod } from './netsh-values.ts'
import { credentialOf } from './policy-blob-parts.ts'
import type { QuickModeOffer, RuleContent } from './policy-blobs.ts'
import { actionGuids, type Guid } from './policy-guids.ts'
import { defaultResponseOffers, interfaceTypes } from './policy-makers.ts'
import { isFallBack } from './policy-methods.ts'
import {
  type FilterListObject,
  type NegotiationObject,
  objectOf,
  objectsOf,
  type PolicyObject,
  type PolicyStore,
  type RuleObject,
} from './policy-objects.ts'
import { countingFilters } from './to-policy-filters.ts'

export interface WrittenNetsh {
  readonly text: string
  readonly losses: readonly Problem[]
}

export function writeNetsh(store: PolicyStore): WrittenNetsh {
  return new NetshWriter(store).run()
}

type Tag = readonly [tag: string, value: string | number | undefined]

/** One command of a batch file. A quotation mark is written \", a percent sign twice. */
export function netshCommand(name: string, tags: readonly Tag[]): string {
  const words = tags.flatMap(([tag, value]) => {
    if (value === undefined) return []
    const text = String(value)
    if (/^[\w.:/-]+$/.test(text)) return [`${tag}=${text}`]
    return [`${tag}=${quotedForBatch(text)}`]
  })
  return `netsh ipsec static ${[name, ...words].join(' ')}\r\n`
}

/** A registry has its keys in the order of their GUIDs, which says nothing. */
export function byName<O extends { readonly name?: string }>(objects: readonly O[]): readonly O[] {
  return objects.toSorted((a, b) => ((a.name ?? '') < (b.name ?? '') ? -1 : (a.name ?? '') > (b.name ?? '') ? 1 : 0))
}

class NetshWriter {
  readonly #store: PolicyStore
  readonly #lines: string[] = []
  readonly #losses: Problem[] = []
  /** What each object is called: names are unique among those of a kind. */
  readonly #names = new Map<Guid, string>()

  constructor(store: PolicyStore) {
    this.#store = store
  }

  run(): WrittenNetsh {
    const policies = byName(objectsOf(this.#store, 'policy'))
    const lists = byName(objectsOf(this.#store, 'filter-list'))
    const responses = new Set(policies.map(policy => defaultResponseOf(this.#store, policy)?.negotiation.id))
    const actions = byName(objectsOf(this.#store, 'negotiation')).filter(({ id }) => !responses.has(id))
    this.#name(policies, 'policy')
    this.#name(lists, 'filter list')
    this.#name(actions, 'filter action')
    for (const action of actions) this.#action(action)
    for (const list of lists) this.#list(list)
    for (const policy of policies) this.#policy(policy)
    const owned = new Set(policies.flatMap(({ rules }) => rules))
    const orphans = objectsOf(this.#store, 'rule').filter(({ id }) => !owned.has(id))
    if (orphans.length > 0)
      this.#losses.push(warning('rules', `${orphans.length} are in no policy`, 'netsh has rules of policies alone'))
    const { assigned } = this.#store
    const name = assigned === undefined ? undefined : this.#names.get(assigned)
    if (name !== undefined)
      this.#write('set policy', [
        ['name', name],
        ['assign', 'yes'],
      ])
    return { text: this.#lines.join(''), losses: this.#losses }
  }

  #write(name: string, tags: readonly Tag[]): void {
    this.#lines.push(netshCommand(name, tags))
  }

  #name(objects: readonly { readonly id: Guid; readonly name?: string }[], what: string): void {
    const used = new Set<string>()
    for (const { id, name } of objects) {
      const plain = name === undefined || name.trim() === '' ? `${what} ${id}` : this.#text(name, what)!
      let free = plain
      for (let number = 2; used.has(free.toLowerCase()); number++) free = `${plain} (${number})`
      used.add(free.toLowerCase())
      if (free !== name) this.#losses.push(warning(`${what} ${quoted(name ?? id)}`, `it is written as ${quoted(free)}`))
      this.#names.set(id, free)
    }
  }

  /** Line ends would end the command; blanks at the ends would be lost. */
  #text(text: string | undefined, where: string): string | undefined {
    if (text === undefined) return undefined
    const sayable = isSayable(text)
      ? text.trim()
      : text
          .replace(/[\0\r\n]+/g, ' ')
          .slice(0, 4096)
          .trim()
    if (sayable !== text) this.#losses.push(warning(where, `the text ${quoted(text)} is not kept to the letter`))
    return sayable
  }

  #description(text: string | undefined, where: string): string | undefined {
    const kept = this.#text(text, where)
    return kept === '' ? undefined : kept
  }

  #action(action: NegotiationObject): void {
    const name = this.#names.get(action.id)!
    const where = `filter action ${quoted(name)}`
    const head: Tag[] = [
      ['name', name],
      ['description', this.#description(action.description, where)],
    ]
    if (action.action === actionGuids.permit || action.action === actionGuids.block) {
      this.#write('add filteraction', [...head, ['action', action.action === actionGuids.permit ? 'permit' : 'block']])
      return
    }
    const isInPass = action.action === actionGuids.acceptUnsecured
    if (!isInPass && action.action !== actionGuids.negotiate) {
      this.#losses.push(problem(where, `the action ${action.action} is not known`, 'it is written as block'))
      this.#write('add filteraction', [...head, ['action', 'block']])
      return
    }
    const { offers } = action.content
    const methods = this.#offers(offers, where)
    if (methods === '') {
      this.#losses.push(problem(where, 'it has no method that netsh has', 'it is written as block'))
      this.#write('add filteraction', [...head, ['action', 'block']])
      return
    }
    this.#write('add filteraction', [
      ...head,
      ['qmpfs', this.#freshKeys(offers, where)],
      ['inpass', isInPass ? 'yes' : 'no'],
      ['soft', offers.some(isFallBack) ? 'yes' : 'no'],
      ['action', 'negotiate'],
      ['qmsecmethods', methods],
    ])
  }

  #freshKeys(offers: readonly QuickModeOffer[], where: string): string {
    const first = (offers[0]?.pfs ?? 0) !== 0
    if (offers.some(offer => !isFallBack(offer) && (offer.pfs !== 0) !== first))
      this.#losses.push(warning(where, 'methods differ in qmpfs', 'that of the first is kept, which alone counts'))
    return first ? 'yes' : 'no'
  }

  #offers(offers: readonly QuickModeOffer[], where: string): string {
    const words = offers.flatMap(offer => {
      if (isFallBack(offer)) return []
      const word = formatQuickModeMethod(offer)
      if (word === undefined) this.#losses.push(warning(where, 'a method that netsh has no word for', 'it is left out'))
      return word ?? []
    })
    return words.join(' ')
  }

  #list(list: FilterListObject): void {
    const name = this.#names.get(list.id)!
    const where = `filter list ${quoted(name)}`
    this.#write('add filterlist', [
      ['name', name],
      ['description', this.#description(list.description, where)],
    ])
    const { version1, version2 } = countingFilters(list.content)
    for (const filter of version1) this.#filter(name, sayVersion1(filter), where)
    for (const filter of version2) this.#filter(name, sayVersion2(filter), where)
  }

  #filter(list: string, filter: SaidFilter | undefined, where: string): void {
    if (filter === undefined) {
      this.#losses.push(problem(where, 'a filter that netsh has no words for', 'it is left out'))
      return
    }
    for (const name of filter.names)
      this.#losses.push(warning(where, `the name ${quoted(name)} is kept as its address`))
    this.#write('add filter', [
      ['filterlist', list],
      ['srcaddr', filter.srcaddr],
      ['dstaddr', filter.dstaddr],
      ['description', this.#description(filter.description, where)],
      ['protocol', filter.protocol],
      ['mirrored', filter.mirrored ? 'yes' : 'no'],
      ['srcmask', filter.srcmask],
      ['dstmask', filter.dstmask],
      ['srcport', filter.srcport],
      ['dstport', filter.dstport],
    ])
  }

  #policy(policy: PolicyObject): void {
    const name = this.#names.get(policy.id)!
    const where = `policy ${quoted(name)}`
    const ike = objectOf(this.#store, 'isakmp', policy.isakmp)?.content
    const response = defaultResponseOf(this.#store, policy)
    const polling = policy.content.pollingSeconds === 0 ? 10_800 : policy.content.pollingSeconds
    if (polling % 60 !== 0) this.#losses.push(warning(where, `polling every ${polling} seconds`, 'netsh has minutes'))
    if (ike === undefined) this.#losses.push(warning(where, 'it has no settings of IKE', "netsh's own are written"))
    const seconds = ike?.seconds ?? 0
    if (seconds % 60 !== 0) this.#losses.push(warning(where, `a lifetime of ${seconds} seconds`, 'netsh has minutes'))
    const methods = (ike?.methods ?? []).flatMap(method => {
      const word = formatMainModeMethod(method)
      if (word === undefined) this.#losses.push(warning(where, 'a method of IKE that netsh has no word for'))
      if (method.seconds !== 0 && method.seconds !== (seconds === 0 ? 28_800 : seconds))
        this.#losses.push(warning(where, `a method with a lifetime of its own, ${method.seconds} seconds`))
      return word ?? []
    })
    if (ike !== undefined && (ike.options !== 0 || ike.fixedMethods.some(number => number !== 0)))
      this.#losses.push(warning(where, 'options of IKE that netsh has no word for', 'they are left out'))
    const isPfs = (ike?.masterPfs ?? 0) !== 0
    this.#write('add policy', [
      ['name', name],
      ['description', this.#description(policy.description, where)],
      ['mmpfs', isPfs ? 'yes' : 'no'],
      ['qmpermm', isPfs ? undefined : (ike?.quickModeLimit ?? 0)],
      ['mmlifetime', seconds === 0 ? undefined : Math.max(1, Math.round(seconds / 60))],
      ['activatedefaultrule', (response?.rule.content.isActive ?? 0) === 0 ? 'no' : 'yes'],
      ['pollinginterval', Math.max(1, Math.round(polling / 60))],
      ['mmsecmethods', methods.length === 0 ? undefined : methods.join(' ')],
    ])
    if (response !== undefined) this.#defaultRule(name, response.rule, response.negotiation)
    for (const id of policy.rules) {
      const rule = objectOf(this.#store, 'rule', id)
      if (rule === undefined) this.#losses.push(problem(where, `the rule ${id} is not there`, 'it is left out'))
      else if (!isDefaultResponse(this.#store, rule)) this.#rule(name, rule, where)
    }
  }

  /** Only where it is not the usual one. */
  #defaultRule(policy: string, rule: RuleObject, negotiation: NegotiationObject): void {
    const where = `default response of ${quoted(policy)}`
    const methods = this.#offers(negotiation.content.offers, where)
    const usual = defaultResponseOffers().map(formatQuickModeMethod).join(' ')
    const { authentication } = rule.content
    const isKerberos = authentication.length === 1 && credentialOf(authentication[0]!).kind === 'kerberos'
    const pfs = this.#freshKeys(negotiation.content.offers, where)
    if (methods === usual && isKerberos && pfs === 'no') return
    this.#write('set defaultrule', [
      ['policy', policy],
      ['qmpfs', pfs],
      ['qmsecmethods', methods === '' ? undefined : methods],
      ...this.#credentials(rule.content, where),
    ])
  }

  #rule(policy: string, rule: RuleObject, of: string): void {
    const spoken = rule.name === undefined || rule.name.trim() === '' ? `rule ${rule.id}` : rule.name
    const name = this.#text(spoken, of)!
    const where = `${of} rule ${quoted(name)}`
    if (spoken !== rule.name) this.#losses.push(warning(where, 'it had no name', 'netsh asks for one'))
    const action = this.#names.get(rule.negotiation ?? '')
    const lists = rule.filterLists.flatMap(id => this.#names.get(id) ?? [])
    if (action === undefined || lists.length !== rule.filterLists.length || lists.length === 0) {
      this.#losses.push(problem(where, 'its filter list or its filter action is not there', 'the rule is left out'))
      return
    }
    if (lists.length > 1)
      this.#losses.push(warning(where, `it has ${lists.length} filter lists`, 'a rule for each is written'))
    const { content } = rule
    if (content.isTunnel !== 0 && content.tunnelAddress === 0 && content.tunnelAddress6 === undefined)
      this.#losses.push(problem(where, 'a tunnel whose far end is not known', 'it is written without one'))
    const connections = Object.entries({
      lan: interfaceTypes.lan,
      dialup: interfaceTypes.dialUp,
      all: interfaceTypes.all,
    })
    const connection = connections.find(([, type]) => type === content.interfaceType)?.[0]
    if (connection === undefined)
      this.#losses.push(warning(where, 'it is for no connection at all', 'it is written as inactive'))
    if ((content.interfaceName ?? '') !== '' || (content.tunnelName ?? '') !== '')
      this.#losses.push(warning(where, 'the name of an interface or of the far end of a tunnel', 'it is left out'))
    for (const list of lists) {
      this.#write('add rule', [
        ['name', name],
        ['policy', policy],
        ['filterlist', list],
        ['filteraction', action],
        ['tunnel', tunnelText(content)],
        ['conntype', connection ?? 'all'],
        ['activate', content.isActive === 0 || connection === undefined ? 'no' : 'yes'],
        ['description', this.#description(rule.description, where)],
        ...this.#credentials(content, where),
      ])
    }
  }

  #credentials({ authentication, extension }: RuleContent, where: string): readonly Tag[] {
    const tags = authentication.flatMap((method, index): readonly Tag[] => {
      const credential = credentialOf(method)
      const flags = extension?.flags?.values[index] ?? 0
      if (credential.kind === 'kerberos') return [['kerberos', 'yes']]
      if (credential.kind === 'pre-shared-key') {
        const secret = credential.secret.reveal()
        if (isSayable(secret) && secret !== '' && secret.trim() === secret) return [['psk', secret]]
        this.#losses.push(problem(where, 'a pre-shared key that no command holds', 'it is left out'))
        return []
      }
      if (credential.kind === 'certificate') {
        const options = `certmap:${(flags & 1) !== 0 ? 'yes' : 'no'} excludecaname:${(flags & 2) !== 0 ? 'yes' : 'no'}`
        const authority = this.#text(credential.authority, where)!.replaceAll('"', "\\'")
        return [['rootca', `${authority} ${options}`]]
      }
      this.#losses.push(problem(where, `a way to authenticate of type ${credential.type}`, 'it is left out'))
      return []
    })
    const names = tags.map(([tag]) => tag).filter(tag => tag !== 'rootca')
    if (new Set(names).size < names.length)
      this.#losses.push(warning(where, 'two keys, or Kerberos twice', 'netsh takes one of each: the first is kept'))
    // Without any, netsh would take Kerberos.
    if (tags.length === 0) return [['kerberos', 'no']]
    return tags.filter(([tag], at) => tag === 'rootca' || tags.findIndex(([one]) => one === tag) === at)
  }
}

function tunnelText({ isTunnel, tunnelAddress, tunnelAddress6 }: RuleContent): string | undefined {
  if (isTunnel === 0) return undefined
  if (tunnelAddress6 !== undefined) return formatAddress(addressFromOctets(tunnelAddress6))
  return formatIpv4(tunnelAddress)
}
