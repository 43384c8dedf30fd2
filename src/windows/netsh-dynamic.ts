// `netsh ipsec dynamic`: rules and policies that last until the agent ends, and `set config`. They are objects of Windows too:
// a main mode policy is a set of IKE settings, a quick mode policy a filter action, a rule a policy with one rule.

import { isSameName } from '../settings/registry-name.ts'
import { problem, quoted, warning } from './connection-security-cells.ts'
import { readFilter, sameFilters, tunnelOf, withFilter } from './netsh-filters.ts'
import type { CommandShape, NetshParameters } from './netsh-parameters.ts'
import { type NetshState, type NetshStep, type NetshWorld, newGuid, withoutObjects, withStore } from './netsh-state.ts'
import type { NetshCommand } from './netsh-static-objects.ts'
import { readCredentials } from './netsh-static-rules.ts'
import { LARGEST, readMainModeMethods, readNumber, readQuickModeMethods, readWord, readYes } from './netsh-values.ts'
import { actionGuids, type Guid } from './policy-guids.ts'
import {
  fallBackOffer,
  filterListOf,
  interfaceTypes,
  newFilterList,
  newIsakmp,
  newNegotiation,
  newPolicy,
  newRule,
  ruleContentOf,
} from './policy-makers.ts'
import {
  type IsakmpObject,
  type NegotiationObject,
  objectOf,
  objectsOf,
  type PolicyObject,
  type PolicyStore,
  withObject,
} from './policy-objects.ts'

const identifying = [
  'srcaddr',
  'dstaddr',
  'protocol',
  'srcport',
  'dstport',
  'mirrored',
  'conntype',
  'srcmask',
  'dstmask',
]
const credentials = ['kerberos', 'psk', 'rootca']

export const dynamicShapes = {
  'add mmpolicy': { tags: ['name', 'qmpermm', 'mmlifetime', 'softsaexpirationtime', 'mmsecmethods'] },
  'set mmpolicy': { tags: ['name', 'qmpermm', 'mmlifetime', 'softsaexpirationtime', 'mmsecmethods'] },
  'add qmpolicy': { tags: ['name', 'soft', 'pfsgroup', 'qmsecmethods'] },
  'set qmpolicy': { tags: ['name', 'soft', 'pfsgroup', 'qmsecmethods'] },
  'add rule': {
    tags: [
      ...['srcaddr', 'dstaddr', 'mmpolicy', 'qmpolicy', 'protocol', 'srcport', 'dstport', 'mirrored', 'conntype'],
      ...['actioninbound', 'actionoutbound', 'srcmask', 'dstmask', 'tunneldstaddress', ...credentials],
    ],
    repeated: ['rootca'],
  },
  'set rule': {
    tags: [
      ...identifying,
      'tunneldstaddress',
      'mmpolicy',
      'qmpolicy',
      'actioninbound',
      'actionoutbound',
      ...credentials,
    ],
    repeated: ['rootca'],
  },
  'delete mmpolicy': { tags: ['name'], flags: ['all'] },
  'delete qmpolicy': { tags: ['name'], flags: ['all'] },
  'delete rule': { tags: [...identifying, 'tunneldstaddress'], flags: ['all'] },
  'delete all': { tags: [] },
  'set config': { tags: ['property', 'value'] },
} as const satisfies Readonly<Record<string, CommandShape>>

function nameIn<O extends { readonly name?: string }>(objects: readonly O[], name: string): O | undefined {
  return objects.find(object => isSameName(object.name ?? '', name))
}

function dynamicStep(state: NetshState, store: PolicyStore, notes: NetshStep['notes'] = []): NetshStep {
  return { state: withStore(state, store, 'dynamic'), notes }
}

export const mainModePolicy =
  (verb: 'add' | 'set'): NetshCommand =>
  (state, parameters, world) => {
    const store = state.stores.dynamic
    if (!parameters.needs('name')) return undefined
    const name = parameters.get('name')!
    const before = nameIn(objectsOf(store, 'isakmp'), name)
    if (!isThereAs(verb, before, 'main mode policy', name, parameters)) return undefined
    const limit = parameters.read('qmpermm', readNumber(0, LARGEST))
    const minutes = parameters.read('mmlifetime', readNumber(1, LARGEST / 60))
    const soft = parameters.read('softsaexpirationtime', readNumber(0, LARGEST))
    const seconds = minutes === undefined ? (before?.content.seconds ?? 28_800) : minutes * 60
    const text =
      before === undefined ? (parameters.get('mmsecmethods') ?? '3DES-SHA1-2') : parameters.get('mmsecmethods')
    const methods = text === undefined ? undefined : readMainModeMethods(text, seconds)
    if (methods?.ok === false) parameters.wrong(`mmsecmethods: ${methods.error.what}`, methods.error.hint)
    if (!parameters.isFine) return undefined
    const id = before?.id ?? newGuid(world)
    const base = before ?? newIsakmp({ id, name }, { instance: id, methods: [] })
    const kept = base.content.methods.map(method => ({ ...method, seconds }))
    const content = {
      ...base.content,
      seconds,
      ...(limit === undefined ? {} : { quickModeLimit: limit }),
      methods: methods?.ok === true ? methods.value : kept,
    }
    const note = warning(parameters.at, 'softsaexpirationtime is not kept', 'a way in clear is asked for anew by time')
    return dynamicStep(
      state,
      withObject(store, { ...base, whenChanged: world.now, content }),
      soft === undefined ? [] : [note],
    )
  }

function isThereAs(
  verb: 'add' | 'set',
  before: object | undefined,
  what: string,
  name: string,
  parameters: NetshParameters,
): boolean {
  if (verb === 'add' && before !== undefined)
    parameters.wrong(`a ${what} ${quoted(name)} is there already`, 'set changes it')
  if (verb === 'set' && before === undefined) parameters.wrong(`there is no ${what} ${quoted(name)}`, 'add makes one')
  return parameters.isFine
}

/** The copy of a quick mode policy for rules that take packets in clear as well. */
const inPassName = (name: string) => `${name} (inbound permit)`

export const quickModePolicy =
  (verb: 'add' | 'set'): NetshCommand =>
  (state, parameters, world) => {
    const store = state.stores.dynamic
    if (!parameters.needs('name')) return undefined
    const name = parameters.get('name')!
    const all = objectsOf(store, 'negotiation')
    const before = nameIn(all, name)
    if (!isThereAs(verb, before, 'quick mode policy', name, parameters)) return undefined
    const group = parameters.read('pfsgroup', readWord('grp1', 'grp2', 'grp3', 'grpmm', 'nopfs'))
    const soft = parameters.read('soft', readYes)
    const freshKeys = group === undefined ? (before?.content.offers[0]?.pfs ?? 0) !== 0 : group !== 'nopfs'
    const text =
      before === undefined ? (parameters.get('qmsecmethods') ?? 'ESP[3DES,SHA1]') : parameters.get('qmsecmethods')
    const methods = text === undefined ? undefined : readQuickModeMethods(text, freshKeys)
    if (methods?.ok === false) parameters.wrong(`qmsecmethods: ${methods.error.what}`, methods.error.hint)
    if (!parameters.isFine) return undefined
    const old = before?.content.offers ?? []
    const isSoft = soft ?? old.some(offer => offer.algorithmCount === 0)
    const kept = old.filter(offer => offer.algorithmCount > 0).map(offer => ({ ...offer, pfs: freshKeys ? 1 : 0 }))
    const offers = [...(methods?.ok === true ? methods.value : kept), ...(isSoft ? [fallBackOffer()] : [])]
    const base = before ?? newNegotiation({ id: newGuid(world), name }, actionGuids.negotiate, [])
    const changed = { ...base, whenChanged: world.now, content: { ...base.content, offers } }
    const copy = nameIn(all, inPassName(name))
    const next = withObject(store, changed)
    const whole = copy === undefined ? next : withObject(next, { ...copy, content: changed.content })
    const isNumbered = group !== undefined && /^grp\d$/.test(group)
    const note = warning(parameters.at, `pfsgroup=${group} means fresh keys`, 'of the group of main mode')
    return dynamicStep(state, whole, isNumbered ? [note] : [])
  }

/** More rules than these are a policy, and belong into the static context. */
const MOST_RULES = 1000

interface RuleWords {
  readonly action: 'permit' | 'block' | 'negotiate'
  readonly isInPass: boolean
  readonly ike: IsakmpObject | undefined
  readonly quick: NegotiationObject | undefined
}

function readRuleWords(store: PolicyStore, parameters: NetshParameters): RuleWords {
  const inbound = parameters.read('actioninbound', readWord('permit', 'block', 'negotiate')) ?? 'negotiate'
  const action = parameters.read('actionoutbound', readWord('permit', 'block', 'negotiate')) ?? 'negotiate'
  const isInPass = inbound === 'permit' && action === 'negotiate'
  if (inbound !== action && !isInPass)
    parameters.wrong(
      `${inbound} inbound with ${action} outbound cannot be said`,
      'the same for both, or permit and negotiate',
    )
  const [mmName, qmName] = [parameters.get('mmpolicy'), parameters.get('qmpolicy')]
  const ike = mmName === undefined ? undefined : nameIn(objectsOf(store, 'isakmp'), mmName)
  const quick = qmName === undefined ? undefined : nameIn(objectsOf(store, 'negotiation'), qmName)
  if (mmName !== undefined && ike === undefined) parameters.wrong(`there is no main mode policy ${quoted(mmName)}`)
  if (qmName !== undefined && quick === undefined) parameters.wrong(`there is no quick mode policy ${quoted(qmName)}`)
  return { action, isInPass, ike, quick }
}

export const addDynamicRule: NetshCommand = (state, parameters, world) => {
  const store = state.stores.dynamic
  const filter = readFilter(parameters)
  const { action, isInPass, ike, quick } = readRuleWords(store, parameters)
  if (action === 'negotiate') parameters.needs('mmpolicy', 'qmpolicy')
  const connection = parameters.read('conntype', readWord('lan', 'dialup', 'all')) ?? 'all'
  const end = parameters.get('tunneldstaddress')
  const tunnel = end === undefined ? undefined : tunnelOf(end)
  if (end !== undefined && tunnel === undefined)
    parameters.wrong(`tunneldstaddress: ${quoted(end)} is no address`, 'names are not looked up here')
  const proofs = readCredentials(parameters) ?? [{ kind: 'kerberos' as const }]
  if (objectsOf(store, 'policy').length >= MOST_RULES)
    parameters.wrong(`there are ${MOST_RULES} dynamic rules already`, 'make a policy of them')
  if (filter === undefined || !parameters.isFine) return undefined
  const content = withFilter(filterListOf([]), filter, () => newGuid(world))
  if (content === undefined) return parameters.wrong('a range stands beside a server or a mask with gaps')
  if (ruleLike(store, parameters, world) !== undefined)
    return parameters.wrong('there is such a rule already', 'set changes it')
  const made = actionFor(store, action, isInPass, quick, world)
  const [list, rule, policy] = [newGuid(world), newGuid(world), newGuid(world)]
  const name = `dynamic ${policy.slice(1, 9)}`
  const types = { lan: interfaceTypes.lan, dialup: interfaceTypes.dialUp, all: interfaceTypes.all }
  const added = [
    newPolicy(
      { id: policy, name, whenChanged: world.now },
      { rules: [rule], ...(ike === undefined ? {} : { isakmp: ike.id }) },
    ),
    newRule(
      { id: rule, name, whenChanged: world.now },
      { negotiation: made.id, filterLists: [list] },
      { credentials: proofs, interfaceType: types[connection], tunnel },
      tunnel instanceof Uint8Array || proofs.some(({ kind }) => kind === 'certificate')
        ? 'windows-vista'
        : 'windows-2000',
    ),
    newFilterList({ id: list, name }, content),
  ]
  const base = objectOf(store, 'negotiation', made.id) === undefined ? [made] : []
  return dynamicStep(state, { ...store, objects: [...store.objects, ...base, ...added] })
}

/** The policies, the actions and the ways to authenticate of the rule with this filter. */
export const setDynamicRule: NetshCommand = (state, parameters, world) => {
  const store = state.stores.dynamic
  const policy = ruleLike(store, parameters, world)
  const rule = objectOf(store, 'rule', policy?.rules[0])
  const { action, isInPass, ike, quick } = readRuleWords(store, parameters)
  const proofs = readCredentials(parameters)
  if (!parameters.isFine) return undefined
  if (policy === undefined || rule === undefined) return parameters.wrong('there is no such rule', 'add makes one')
  const isAction = ['actioninbound', 'actionoutbound', 'qmpolicy'].some(tag => parameters.has(tag))
  const base = quick ?? objectOf(store, 'negotiation', rule.negotiation)
  const made = isAction ? actionFor(store, action, isInPass, base, world) : undefined
  const form = rule.content.extension === undefined ? 'windows-2000' : 'windows-vista'
  const fresh = proofs === undefined ? undefined : ruleContentOf({ credentials: proofs }, form)
  const authentication =
    fresh === undefined
      ? {}
      : {
          authentication: fresh.authentication,
          ...(fresh.extension === undefined ? {} : { extension: fresh.extension }),
        }
  let next = withObject(store, {
    ...rule,
    whenChanged: world.now,
    ...(made === undefined ? {} : { negotiation: made.id }),
    content: { ...rule.content, ...authentication },
  })
  if (made !== undefined) next = withObject(next, made)
  if (ike !== undefined) next = withObject(next, { ...policy, isakmp: ike.id })
  return dynamicStep(state, next)
}

function actionFor(
  store: PolicyStore,
  action: 'permit' | 'block' | 'negotiate',
  isInPass: boolean,
  quick: NegotiationObject | undefined,
  world: NetshWorld,
): NegotiationObject {
  if (quick !== undefined && action === 'negotiate' && !isInPass) return quick
  const name = quick !== undefined && isInPass ? inPassName(quick.name ?? '') : action
  const known = nameIn(objectsOf(store, 'negotiation'), name)
  const guid = isInPass ? actionGuids.acceptUnsecured : actionGuids[action]
  return known ?? newNegotiation({ id: newGuid(world), name }, guid, quick?.content.offers ?? [])
}

/** The rule with the filter that the parameters say. */
function ruleLike(store: PolicyStore, parameters: NetshParameters, world: NetshWorld): PolicyObject | undefined {
  const filter = readFilter(parameters)
  if (filter === undefined) return undefined
  const same = sameFilters(filter, () => newGuid(world))
  return objectsOf(store, 'policy').find(policy => {
    const list = listOf(store, policy)
    return list !== undefined && same(list.content).length > 0
  })
}

function listOf(store: PolicyStore, policy: PolicyObject) {
  const rule = objectOf(store, 'rule', policy.rules[0])
  return objectOf(store, 'filter-list', rule?.filterLists[0])
}

function partsOf(store: PolicyStore, policy: PolicyObject) {
  const rule = objectOf(store, 'rule', policy.rules[0])
  const list = listOf(store, policy)
  return [policy, ...(rule === undefined ? [] : [rule]), ...(list === undefined ? [] : [list])]
}

export const deleteDynamicRule: NetshCommand = (state, parameters, world) => {
  const store = state.stores.dynamic
  const all = objectsOf(store, 'policy')
  if (parameters.flags.has('all'))
    return dynamicStep(
      state,
      withoutObjects(
        store,
        all.flatMap(one => partsOf(store, one)),
      ),
    )
  const found = ruleLike(store, parameters, world)
  if (!parameters.isFine) return undefined
  const note = warning(parameters.at, 'there is no such rule', 'nothing is deleted')
  if (found === undefined) return { state, notes: [note] }
  return dynamicStep(state, withoutObjects(store, partsOf(store, found)))
}

export const deleteDynamicPolicy =
  (kind: 'isakmp' | 'negotiation'): NetshCommand =>
  (state, parameters) => {
    const store = state.stores.dynamic
    const isAll = parameters.flags.has('all')
    if (!isAll && !parameters.needs('name')) return undefined
    const objects: readonly (IsakmpObject | NegotiationObject)[] = objectsOf(store, kind)
    const gone = isAll ? objects : [nameIn(objects, parameters.get('name')!)].filter(one => one !== undefined)
    const used = new Set<Guid | undefined>(
      store.objects.flatMap(one =>
        one.kind === 'policy' ? [one.isakmp] : one.kind === 'rule' ? [one.negotiation] : [],
      ),
    )
    if (gone.some(({ id }) => used.has(id))) return parameters.wrong('a rule uses it', 'delete the rule first')
    const note = warning(parameters.at, `there is nothing of that name`, 'nothing is deleted')
    return dynamicStep(state, withoutObjects(store, gone), gone.length === 0 && !isAll ? [note] : [])
  }

export function deleteAllDynamic(state: NetshState): NetshStep {
  return dynamicStep(state, { objects: [] })
}

/** What `set config` knows: its values, and those of the registry for words. */
export const configProperties: Readonly<
  Record<string, { readonly values: string; read(text: string): number | string | undefined }>
> = {
  ipsecdiagnostics: { values: '0 to 7', read: numberTo(0, 7) },
  ikelogging: { values: '0 or 1', read: numberTo(0, 1) },
  strongcrlcheck: { values: '0, 1 or 2', read: numberTo(0, 2) },
  ipsecloginterval: { values: '60 to 86400 seconds', read: numberTo(60, 86_400) },
  ipsecexempt: { values: '0 to 3', read: numberTo(0, 3) },
  bootmode: {
    values: 'stateful, block or permit',
    read: text => {
      const word = readWord('stateful', 'block', 'permit')(text)
      return word.ok ? { permit: 0, block: 1, stateful: 3 }[word.value] : undefined
    },
  },
  bootexemptions: { values: 'none, or "TCP:0:3389:inbound …"', read: readBootExemptions },
}

function numberTo(least: number, most: number) {
  return (text: string): number | undefined => {
    const number = readNumber(least, most)(text)
    return number.ok ? number.value : undefined
  }
}

const EXEMPTION = /^(tcp|udp|icmp|raw|any|\d{1,3}):(\d{1,5}):(\d{1,5}):(inbound|outbound)$/i

function readBootExemptions(text: string): string | undefined {
  if (text.trim().toLowerCase() === 'none') return ''
  const words = text.trim().split(/\s+/)
  const isFine =
    words.length <= 1000 &&
    words.every(word => {
      const [, , source, destination] = EXEMPTION.exec(word) ?? []
      return source !== undefined && Number(source) <= 65_535 && Number(destination) <= 65_535
    })
  return isFine ? words.join(' ') : undefined
}

export const setConfig: NetshCommand = (state, parameters) => {
  if (!parameters.needs('property', 'value')) return undefined
  const property = parameters.read('property', readWord(...Object.keys(configProperties)))
  if (property === undefined) return undefined
  const { read, values } = configProperties[property]!
  const value = read(parameters.get('value')!)
  if (value === undefined) {
    parameters.problems.push(problem(parameters.at, `value: ${property} has ${values}`))
    return undefined
  }
  return { state: { ...state, config: { ...state.config, [property]: value } } }
}
