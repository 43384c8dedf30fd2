// Policies as `ipsecpol -w REG` command lines that make them again, one a rule. These programs know less than netsh: what they
// have no word for is named as a loss. Pre-shared keys stand in the text.
import { formatIpv4 } from '../base/address.ts'
import type { Problem } from '../base/result.ts'
import { quotedForBatch } from './advfirewall-script.ts'
import { problem, quoted, warning } from './connection-security-cells.ts'
import { type SaidFilter, sayVersion1 } from './netsh-filters.ts'
import { defaultResponseOf, isSayable, rulesOf } from './netsh-state.ts'
import { formatMainModeMethod, offerParts } from './netsh-values.ts'
import { byName, type WrittenNetsh } from './netsh-write.ts'
import { credentialOf } from './policy-blob-parts.ts'
import type { QuickModeOffer, RuleContent } from './policy-blobs.ts'
import { actionGuids } from './policy-guids.ts'
import { interfaceTypes } from './policy-makers.ts'
import { isFallBack } from './policy-methods.ts'
import {
  type NegotiationObject,
  objectOf,
  objectsOf,
  type PolicyObject,
  type PolicyStore,
  type RuleObject,
} from './policy-objects.ts'
import { countingFilters } from './to-policy-filters.ts'

export function writeIpsecpol(store: PolicyStore): WrittenNetsh {
  const losses: Problem[] = []
  const lines = byName(objectsOf(store, 'policy')).flatMap(policy => policyLines(store, policy, losses))
  return { text: lines.map(words => `ipsecpol ${words.join(' ')}\r\n`).join(''), losses }
}

type Words = readonly string[]

function word(text: string): string {
  return /^[\w.-]+$/.test(text) ? text : quotedForBatch(text)
}

function policyLines(store: PolicyStore, policy: PolicyObject, losses: Problem[]): readonly Words[] {
  const name = lineOf(policy.name ?? policy.id)
  const where = `policy ${quoted(name)}`
  const polling = policy.content.pollingSeconds
  if (polling % 60 !== 0) losses.push(warning(where, `polling every ${polling} seconds`, 'ipsecpol has minutes'))
  if (name !== policy.name) losses.push(warning(where, 'its name is not kept to the letter'))
  if ((policy.description ?? '') !== '') losses.push(warning(where, 'its description', 'ipsecpol has none'))
  const own = ['-w', 'REG', '-p', quotedForBatch(`${name}:${Math.round((polling === 0 ? 10_800 : polling) / 60)}`)]
  const first = [...own, ...isakmpWords(store, policy, where, losses)]
  const rules = rulesOf(store, policy).flatMap((rule, index) => ruleLine(store, rule, index, own, where, losses))
  const response = defaultResponseOf(store, policy)
  const isActive = response !== undefined && response.rule.content.isActive !== 0
  const last = store.assigned === policy.id ? [[...own, '-x']] : []
  return [first, ...(isActive ? [[...own, '-f', 'default']] : []), ...rules, ...last]
}

function lineOf(text: string): string {
  return isSayable(text)
    ? text.trim()
    : text
        .replace(/[\0\r\n]+/g, ' ')
        .slice(0, 1000)
        .trim()
}

function isakmpWords(store: PolicyStore, policy: PolicyObject, where: string, losses: Problem[]): Words {
  const ike = objectOf(store, 'isakmp', policy.isakmp)?.content
  if (ike === undefined) {
    losses.push(warning(where, 'it has no settings of IKE', "ipsecpol's own are written"))
    return []
  }
  const methods = ike.methods.flatMap(method => {
    const said = formatMainModeMethod(method)?.replace('SHA1', 'SHA')
    if (said === undefined) losses.push(warning(where, 'a method of IKE that ipsecpol has no word for'))
    return said ?? []
  })
  const limit = ike.masterPfs !== 0 || ike.quickModeLimit === 0 ? '' : `${ike.quickModeLimit}Q`
  const rekey = [limit, ike.seconds === 0 ? '' : `${ike.seconds}S`].filter(part => part !== '').join('/')
  return [
    ...(methods.length === 0 ? [] : ['-1s', ...methods]),
    ...(rekey === '' ? [] : ['-1k', rekey]),
    ...(ike.masterPfs === 0 ? [] : ['-1p']),
  ]
}

function ruleLine(
  store: PolicyStore,
  rule: RuleObject,
  index: number,
  own: Words,
  of: string,
  losses: Problem[],
): readonly Words[] {
  const name = lineOf(rule.name ?? `rule ${index + 1}`)
  const where = `${of} rule ${quoted(name)}`
  const { content } = rule
  const action = objectOf(store, 'negotiation', rule.negotiation)
  if (content.isActive === 0) {
    losses.push(warning(where, 'it is not active', 'ipsecpol has only rules that are; it is left out'))
    return []
  }
  if ((rule.description ?? '') !== '') losses.push(warning(where, 'its description', 'ipsecpol has none'))
  const filters = rule.filterLists.flatMap(id => {
    const list = objectOf(store, 'filter-list', id)
    if (list === undefined) return []
    const { version1, version2 } = countingFilters(list.content)
    if (version2.length > 0) losses.push(problem(where, 'filters of ranges or of IPv6', 'they are left out'))
    return version1.flatMap(filter => {
      const said = filterWord(sayVersion1(filter))
      if (said === undefined) losses.push(problem(where, 'a filter that ipsecpol has no words for', 'it is left out'))
      else if ((filter.description ?? '') !== '')
        losses.push(warning(where, 'descriptions of filters', 'ipsecpol has none'))
      return said ?? []
    })
  })
  const actions = action === undefined ? undefined : actionWords(action, where, losses)
  if (filters.length === 0 || actions === undefined) {
    losses.push(problem(where, 'it has no filter or no action', 'the rule is left out'))
    return []
  }
  const credentials = credentialWords(content, where, losses)
  const connection =
    content.interfaceType === interfaceTypes.lan
      ? ['-lan']
      : content.interfaceType === interfaceTypes.dialUp
        ? ['-dialup']
        : []
  if (content.tunnelAddress6 !== undefined) losses.push(problem(where, 'the end of a tunnel of IPv6', 'it is left out'))
  const tunnel = content.isTunnel === 0 ? [] : ['-t', formatIpv4(content.tunnelAddress)]
  return [[...own, '-r', word(name), '-f', ...filters, '-n', ...actions, ...credentials, ...tunnel, ...connection]]
}

function filterWord(filter: SaidFilter | undefined): string | undefined {
  if (filter === undefined) return undefined
  const side = (address: string, mask: string | undefined) => {
    if (address === 'me') return '0'
    if (address === 'any') return '*'
    if (/^[a-z]/.test(address)) return undefined
    return mask === undefined ? address : `${address}/${mask}`
  }
  const [source, destination] = [side(filter.srcaddr, filter.srcmask), side(filter.dstaddr, filter.dstmask)]
  if (source === undefined || destination === undefined) return undefined
  const from = filter.srcport === 0 ? source : `${source}:${filter.srcport}`
  const protocol = filter.protocol === 'ANY' ? '' : `:${filter.protocol}`
  const port = filter.dstport === 0 ? (protocol === '' ? '' : ':') : `:${filter.dstport}`
  return `${from}${filter.mirrored ? '+' : '='}${destination}${port}${protocol}`
}

function actionWords(action: NegotiationObject, where: string, losses: Problem[]): Words | undefined {
  if (action.action === actionGuids.permit) return ['PASS']
  if (action.action === actionGuids.block) return ['BLOCK']
  const { offers } = action.content
  const words = offers.flatMap(offer => {
    if (isFallBack(offer)) return []
    const said = offerWord(offer)
    if (said === undefined) losses.push(warning(where, 'a method that ipsecpol has no word for', 'it is left out'))
    return said ?? []
  })
  if (words.length === 0) return undefined
  const inPass = action.action === actionGuids.acceptUnsecured ? ['INPASS'] : []
  return [...words, ...inPass, ...(offers.some(isFallBack) ? ['-soft'] : [])]
}

function offerWord(offer: QuickModeOffer): string | undefined {
  const parts = offerParts(offer)
  if (parts === undefined) return undefined
  const short = (hash: string) => hash.toUpperCase().replace('SHA1', 'SHA')
  const words = [
    ...(parts.ah === undefined ? [] : [`AH[${short(parts.ah)}]`]),
    ...(parts.cipher === undefined ? [] : [`ESP[${parts.cipher.toUpperCase()},${short(parts.hash!)}]`]),
  ]
  const lives = [
    ...(offer.seconds === 0 ? [] : [`${offer.seconds}S`]),
    ...(offer.kilobytes === 0 ? [] : [`${offer.kilobytes}K`]),
  ]
  return words.length === 0 ? undefined : `${words.join('+')}${lives.join('/')}${offer.pfs === 0 ? '' : 'PFS'}`
}

function credentialWords({ authentication, extension }: RuleContent, where: string, losses: Problem[]): Words {
  const words = authentication.flatMap((method, index) => {
    const credential = credentialOf(method)
    if ((extension?.flags?.values[index] ?? 0) !== 0)
      losses.push(problem(where, 'options of a certificate', 'ipsecpol has none'))
    if (credential.kind === 'kerberos') return ['KERBEROS']
    if (credential.kind === 'certificate') return [quotedForBatch(`CERT:${lineOf(credential.authority)}`)]
    const secret = credential.kind === 'pre-shared-key' ? credential.secret.reveal() : ''
    if (isSayable(secret) && secret !== '') return [quotedForBatch(`PRESHARE:${secret}`)]
    losses.push(problem(where, 'a way to authenticate that no command line holds', 'it is left out'))
    return []
  })
  if (words.length === 0) losses.push(warning(where, 'it has no way to authenticate', 'ipsecpol takes Kerberos then'))
  return words.length === 0 ? [] : ['-a', ...words]
}
