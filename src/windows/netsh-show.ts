// `netsh ipsec static show`: objects as text. Labels are those that netsh prints as far as they are known; the order of the
// blocks and what stands around them is ours. Pre-shared keys are not shown.
import { addressFromOctets, formatAddress, formatIpv6 } from '../base/address.ts'
import type { SaidFilter } from './netsh-filters.ts'
import { defaultResponseOf, rulesOf } from './netsh-state.ts'
import { saidFilters } from './netsh-static-objects.ts'
import { offerParts } from './netsh-values.ts'
import { credentialOf } from './policy-blob-parts.ts'
import type { MainModeMethod, QuickModeOffer, RuleContent } from './policy-blobs.ts'
import { actionGuids } from './policy-guids.ts'
import { interfaceTypes, mainModeGroups } from './policy-makers.ts'
import { isFallBack } from './policy-methods.ts'
import {
  type FilterListObject,
  type NegotiationObject,
  objectOf,
  type PolicyObject,
  type PolicyStore,
  type RuleObject,
  type WindowsObject,
} from './policy-objects.ts'

export interface ShowOptions {
  readonly isVerbose: boolean
  readonly isTable: boolean
  /** As in `Local Store <HOST>`. */
  readonly place: string
}

type Row = readonly [label: string, value: string]

function block(rows: readonly Row[], indent = ''): string {
  return rows.map(([label, value]) => `${indent}${label.padEnd(23)}: ${value}\r\n`).join('')
}

/** One row a line, its columns as wide as their widest cell. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, column) =>
    rows.reduce((most, row) => Math.max(most, row[column]!.length), name.length),
  )
  const line = (cells: readonly string[]) =>
    `${cells
      .map((cell, at) => cell.padEnd(widths[at]!))
      .join('  ')
      .trimEnd()}\r\n`
  return line(head) + line(widths.map(width => '-'.repeat(width))) + rows.map(line).join('')
}

/** What would move the terminal's cursor is not for it. */
function plain(text: string | undefined, none = 'NONE'): string {
  const clean = (text ?? '').replace(/\p{Cc}+/gu, ' ').trim()
  return clean === '' ? none : clean
}

function yes(value: boolean): string {
  return value ? 'YES' : 'NO'
}

function changed({ whenChanged }: WindowsObject): string {
  if (whenChanged === undefined) return 'NONE'
  return new Date(whenChanged * 1000).toISOString().replace('T', ' ').slice(0, 19)
}

function headRows(object: WindowsObject, label: string, { place, isVerbose }: ShowOptions): readonly Row[] {
  return [
    [label, plain(object.name)],
    ['Description', plain(object.description)],
    ...(isVerbose ? ([['Store', place]] as const) : []),
    ['Last Modified', changed(object)],
    ...(isVerbose ? ([['GUID', object.id]] as const) : []),
  ]
}

export function showPolicy(store: PolicyStore, policy: PolicyObject, options: ShowOptions): string {
  const rules = rulesOf(store, policy)
  const ike = objectOf(store, 'isakmp', policy.isakmp)?.content
  const response = defaultResponseOf(store, policy)
  const polling = policy.content.pollingSeconds
  const rows: Row[] = [
    ...headRows(policy, 'Policy Name', options),
    ['Assigned', yes(store.assigned === policy.id)],
    ['Master PFS', yes((ike?.masterPfs ?? 0) !== 0)],
    ['Polling Interval', `${Math.round((polling === 0 ? 10_800 : polling) / 60)} minutes`],
    ['No. of Rules', String(rules.length + (response === undefined ? 0 : 1))],
  ]
  if (!options.isVerbose) return block(rows)
  const seconds = ike?.seconds === undefined || ike.seconds === 0 ? 28_800 : ike.seconds
  const main: Row[] = [
    ['Quick Mode Sessions', ike === undefined || ike.quickModeLimit === 0 ? 'unlimited' : String(ike.quickModeLimit)],
    ['Main Mode Lifetime', `${Math.round(seconds / 60)} minutes`],
  ]
  const methods = (ike?.methods ?? []).map(method => `    ${mainModeLine(method)}\r\n`).join('')
  const parts = rules.map((rule, index) => `\r\n${showRule(store, rule, index + 1, options)}`)
  const last = response === undefined ? [] : [`\r\n${showDefaultRule(response.rule, response.negotiation, options)}`]
  return `${block(rows)}${block(main)}Main Mode Security Method Order\r\n${methods}${[...parts, ...last].join('')}`
}

const groups: Readonly<Record<number, string>> = {
  [mainModeGroups[1]]: 'Low(1)',
  [mainModeGroups[2]]: 'Medium(2)',
  [mainModeGroups[14]]: 'DH2048(3)',
}

function mainModeLine({ cipher, hash, group }: MainModeMethod): string {
  const ciphers: Readonly<Record<number, string>> = { 1: 'DES', 3: '3DES' }
  const hashes: Readonly<Record<number, string>> = { 1: 'MD5', 2: 'SHA1' }
  return [
    ciphers[cipher] ?? `cipher ${cipher}`,
    hashes[hash] ?? `hash ${hash}`,
    groups[group] ?? `group ${group}`,
  ].join(' ')
}

function connection(type: number): string {
  if (type === interfaceTypes.all) return 'ALL'
  if (type === interfaceTypes.lan) return 'LAN'
  return type === interfaceTypes.dialUp ? 'DIALUP' : 'NONE'
}

function tunnelText(content: RuleContent): string {
  if (content.isTunnel === 0) return 'NONE'
  if (content.tunnelAddress6 !== undefined) return formatIpv6(addressFromOctets(content.tunnelAddress6).words)
  return formatAddress({ family: 4, words: [content.tunnelAddress] })
}

export function showRule(store: PolicyStore, rule: RuleObject, number: number, options: ShowOptions): string {
  const lists = rule.filterLists.map(id => objectOf(store, 'filter-list', id))
  const action = objectOf(store, 'negotiation', rule.negotiation)
  const rows: Row[] = [
    ['Rule Name', plain(rule.name)],
    ['Rule ID', String(number)],
    ...headRows(rule, '', options).slice(1),
    ['Activated', yes(rule.content.isActive !== 0)],
    ['Connection Type', connection(rule.content.interfaceType)],
    ['Tunnel Dest IP Address', tunnelText(rule.content)],
    ['FilterList Name', lists.map(list => plain(list?.name)).join(', ')],
    ['FilterAction Name', plain(action?.name)],
  ]
  if (!options.isVerbose) return block(rows) + methodsText(rule.content)
  const inner = [
    ...lists.flatMap(list => (list === undefined ? [] : [showFilterList(list, options)])),
    ...(action === undefined ? [] : [showFilterAction(action, options)]),
  ]
  return `${block(rows)}${methodsText(rule.content)}${inner.map(text => `\r\n${text}`).join('')}`
}

function methodsText({ authentication, extension }: RuleContent): string {
  const texts = authentication.map((method, index) => {
    const credential = credentialOf(method)
    const flags = extension?.flags?.values[index] ?? 0
    switch (credential.kind) {
      case 'kerberos':
        return 'KERBEROS\r\n'
      case 'pre-shared-key':
        return 'PRESHARED KEY\r\n'
      case 'certificate':
        return `ROOT CA\r\n        ${plain(credential.authority)}\r\n        CertMapping ${yes((flags & 1) !== 0)}, ExcludeCAName ${yes((flags & 2) !== 0)}\r\n`
      default:
        return `TYPE ${credential.type}\r\n`
    }
  })
  return `Authentication Methods(${texts.length})\r\n${texts.map(text => `    ${text}`).join('')}`
}

function showDefaultRule(rule: RuleObject, negotiation: NegotiationObject, options: ShowOptions): string {
  const rows: Row[] = [
    ['Rule Name', 'NONE'],
    ['Rule ID', 'DEFAULT'],
    ['Activated', yes(rule.content.isActive !== 0)],
    ['FilterList Name', 'NONE'],
  ]
  return `${block(rows)}${methodsText(rule.content)}${offersText(negotiation.content.offers, options)}`
}

export function showFilterList(list: FilterListObject, options: ShowOptions): string {
  const filters = saidFilters(list.content)
  const rows: Row[] = [
    ...headRows(list, 'FilterList Name', options),
    ['No. of Filters', String(list.content.version2 === undefined ? list.content.filters.length : filters.length)],
  ]
  if (!options.isVerbose) return block(rows)
  if (options.isTable) {
    const head = ['Mir', 'Source', 'SrcMask', 'Destination', 'DstMask', 'Proto', 'SrcPort', 'DstPort', 'Description']
    const cells = filters.map(filter => [
      yes(filter.mirrored),
      filter.srcaddr,
      filter.srcmask ?? '',
      filter.dstaddr,
      filter.dstmask ?? '',
      filter.protocol,
      portText(filter.srcport),
      portText(filter.dstport),
      plain(filter.description),
    ])
    return block(rows) + table(head, cells)
  }
  return `${block(rows)}Filter(s)\r\n---------\r\n${filters.map(filter => block(filterRows(filter))).join('\r\n')}`
}

function portText(port: number): string {
  return port === 0 ? 'ANY' : String(port)
}

const sideNames: Readonly<Record<string, string>> = {
  me: '<My IP Address>',
  any: '<Any IP Address>',
  dns: '<DNS Server>',
  wins: '<WINS Server>',
  dhcp: '<DHCP Server>',
  gateway: '<Default Gateway>',
}

function filterRows(filter: SaidFilter): readonly Row[] {
  const side = (which: string, address: string, mask: string | undefined): readonly Row[] => {
    const spoken = sideNames[address] ?? address
    const full = address === 'any' ? '0.0.0.0' : '255.255.255.255'
    return [
      [`${which} IP Address`, spoken],
      [`${which} Mask`, mask ?? full],
      [`${which} DNS Name`, spoken],
    ]
  }
  return [
    ['Description', plain(filter.description)],
    ['Mirrored', yes(filter.mirrored)],
    ...side('Source', filter.srcaddr, filter.srcmask),
    ...side('Destination', filter.dstaddr, filter.dstmask),
    ['Protocol', filter.protocol],
    ['Source Port', portText(filter.srcport)],
    ['Destination Port', portText(filter.dstport)],
  ]
}

export function showFilterAction(action: NegotiationObject, options: ShowOptions): string {
  const isNegotiate = action.action !== actionGuids.permit && action.action !== actionGuids.block
  const { offers } = action.content
  const word = isNegotiate ? 'NEGOTIATE SECURITY' : action.action === actionGuids.permit ? 'PERMIT' : 'BLOCK'
  const rows: Row[] = [
    ['FilterAction Name', plain(action.name)],
    ['Description', plain(action.description)],
    ...(options.isVerbose ? ([['Store', options.place]] as const) : []),
    ['Action', word],
    ...(isNegotiate
      ? ([
          ['AllowUnsecure(Fallback)', yes(offers.some(isFallBack))],
          ['Inbound Passthrough', yes(action.action === actionGuids.acceptUnsecured)],
          ['QMPFS', yes((offers[0]?.pfs ?? 0) !== 0)],
          ['No. of Security.Methods', String(offers.filter(offer => !isFallBack(offer)).length)],
        ] as const)
      : []),
    ['Last Modified', changed(action)],
    ...(options.isVerbose ? ([['GUID', action.id]] as const) : []),
  ]
  return block(rows) + (isNegotiate ? offersText(offers, options) : '')
}

function offersText(all: readonly QuickModeOffer[], { isVerbose }: ShowOptions): string {
  const offers = all.filter(offer => !isFallBack(offer))
  if (!isVerbose || offers.length === 0) return ''
  const cells = offers.map(offer => {
    const parts = offerParts(offer)
    const none = parts === undefined ? '?' : '[NONE]'
    const bracket = (text: string | undefined) => (text === undefined ? none : `[${text.toUpperCase()}]`)
    const esp = parts?.cipher === undefined ? none : `[${parts.cipher.toUpperCase()} , ${parts.hash!.toUpperCase()}]`
    return [bracket(parts?.ah), esp, String(offer.seconds), String(offer.kilobytes)]
  })
  return `Security Methods\r\n${table(['AH', 'ESP', 'Seconds', 'kBytes'], cells)}`
}

export function showStore(store: PolicyStore, options: ShowOptions): string {
  const verbose = { ...options, isVerbose: true }
  const parts = store.objects.flatMap(object => {
    if (object.kind === 'policy') return [showPolicy(store, object, verbose)]
    if (object.kind === 'filter-list') return [showFilterList(object, verbose)]
    const isPlain = object.kind === 'negotiation' && object.name !== undefined
    return isPlain ? [showFilterAction(object, verbose)] : []
  })
  return parts.join('\r\n')
}
