// `netsh ipsec static add|set policy|filterlist|filter|filteraction|defaultrule`: each a function from one state to the next.
// Whoever calls looks at the problems of the parameters first; a command with one changes nothing.
import { warning } from './connection-security-cells.ts'
import {
  filterTags,
  readFilter,
  type SaidFilter,
  sameFilters,
  sayVersion1,
  sayVersion2,
  withFilter,
} from './netsh-filters.ts'
import type { CommandShape, NetshParameters } from './netsh-parameters.ts'
import {
  chosen,
  defaultResponseOf,
  isSayable,
  type NetshState,
  type NetshStep,
  type NetshWorld,
  named,
  netshNames,
  newGuid,
  staticStore,
  withStore,
} from './netsh-state.ts'
import { readCredentials } from './netsh-static-rules.ts'
import { LARGEST, readMainModeMethods, readNumber, readQuickModeMethods, readWord, readYes } from './netsh-values.ts'
import type { IsakmpContent, QuickModeOffer } from './policy-blobs.ts'
import type { FilterListContent } from './policy-filter-blob.ts'
import { actionGuids, type Guid, typeGuids } from './policy-guids.ts'
import {
  defaultResponseOffers,
  fallBackOffer,
  filterListOf,
  newFilterList,
  newIsakmp,
  newNegotiation,
  newPolicy,
  newRule,
  ruleContentOf,
} from './policy-makers.ts'
import { isFallBack } from './policy-methods.ts'
import {
  type FilterListObject,
  type NegotiationObject,
  objectOf,
  type PolicyStore,
  withObject,
} from './policy-objects.ts'
import { countingFilters } from './to-policy-filters.ts'

export type NetshCommand = (state: NetshState, parameters: NetshParameters, world: NetshWorld) => NetshStep | undefined

const policyTags = ['description', 'mmpfs', 'qmpermm', 'mmlifetime', 'activatedefaultrule', 'pollinginterval', 'assign']
const actionTags = ['description', 'qmpfs', 'inpass', 'soft', 'action', 'qmsecmethods']

export const staticShapes = {
  'add policy': { tags: ['name', ...policyTags, 'mmsecmethods'] },
  'set policy': { tags: ['name', 'guid', 'newname', ...policyTags, 'gponame', 'mmsecmethods'] },
  'add filterlist': { tags: ['name', 'description'] },
  'set filterlist': { tags: ['name', 'guid', 'newname', 'description'] },
  'add filter': { tags: filterTags },
  'delete filter': { tags: filterTags.filter(tag => tag !== 'description') },
  'add filteraction': { tags: ['name', ...actionTags] },
  'set filteraction': { tags: ['name', 'guid', 'newname', ...actionTags] },
  'set defaultrule': {
    tags: ['policy', 'qmpfs', 'activate', 'qmsecmethods', 'kerberos', 'psk', 'rootca'],
    repeated: ['rootca'],
  },
} as const satisfies Readonly<Record<string, CommandShape>>

/** Windows 10 writes this one where no method is named. */
const USUAL_MAIN_MODE = '3DES-SHA1-2'
/** The pair that Windows offers where nobody chose. */
const USUAL_QUICK_MODE = 'ESP[3DES,SHA1] AH[SHA1]'

/** The text of a tag, without what no line of netsh could hold. */
export function readText(parameters: NetshParameters, tag: string): string | undefined {
  const text = parameters.get(tag)
  if (text === undefined || isSayable(text)) return text
  return parameters.wrong(`${tag} is longer than 4096 characters, or has line ends`)
}

/** A name that nothing of the kind has yet. */
export function readNewName(
  parameters: NetshParameters,
  tag: string,
  store: PolicyStore,
  kind: 'policy' | 'filter-list' | 'negotiation',
  itself?: Guid,
): string | undefined {
  const name = readText(parameters, tag)
  if (name === undefined) return undefined
  if (name.trim() === '') return parameters.wrong(`${tag} is empty`, 'write a name')
  const other = named(store, kind, name)
  if (other === undefined || other.id === itself) return name
  return parameters.wrong(`${existing[kind]}a ${netshNames[kind]} with this name is there already`, 'set changes it')
}

// The numbers that netsh gives these two are known; the words are ours.
const existing = { policy: '', 'filter-list': 'ERR IPsec[05010] ', negotiation: 'ERR IPsec[05014] ' } as const

export const addPolicy: NetshCommand = (state, parameters, world) => {
  const store = staticStore(state)
  parameters.needs('name')
  const name = readNewName(parameters, 'name', store, 'policy')
  const description = readText(parameters, 'description')
  const isakmp = readIsakmp(parameters)
  const methods = isakmp.methods ?? methodsOf(USUAL_MAIN_MODE, isakmp.seconds)
  const polling = parameters.read('pollinginterval', readNumber(1, LARGEST / 60))
  const isActive = parameters.read('activatedefaultrule', readYes) ?? true
  const isAssigned = parameters.read('assign', readYes)
  if (!parameters.isFine || name === undefined) return undefined
  const [id, isakmpId, rule, negotiation] = [newGuid(world), newGuid(world), newGuid(world), newGuid(world)]
  const whenChanged = world.now
  const head = (of: Guid) => ({ id: of, whenChanged })
  const made = [
    newPolicy(
      { id, name, description, whenChanged },
      { isakmp: isakmpId, rules: [rule], ...(polling === undefined ? {} : { pollingSeconds: polling * 60 }) },
    ),
    newIsakmp(head(isakmpId), { instance: isakmpId, ...isakmp, methods }),
    newRule(head(rule), { negotiation, filterLists: [] }, { credentials: [{ kind: 'kerberos' }], isActive }),
    newNegotiation(head(negotiation), actionGuids.negotiate, defaultResponseOffers(), typeGuids.defaultResponse),
  ]
  const next = { ...store, objects: [...store.objects, ...made], ...(isAssigned === true ? { assigned: id } : {}) }
  return { state: withStore(state, next) }
}

function methodsOf(text: string, seconds: number | undefined) {
  const read = readMainModeMethods(text, seconds ?? 0)
  return read.ok ? read.value : []
}

/** What of IKE the parameters say. */
function readIsakmp(parameters: NetshParameters): Partial<IsakmpContent> {
  const masterPfs = parameters.read('mmpfs', readYes)
  const quickModeLimit = parameters.read('qmpermm', readNumber(0, LARGEST))
  const minutes = parameters.read('mmlifetime', readNumber(1, LARGEST / 60))
  const methods = parameters.read('mmsecmethods', text => readMainModeMethods(text, (minutes ?? 0) * 60))
  if (masterPfs === true && quickModeLimit !== undefined && quickModeLimit !== 1)
    parameters.wrong('with mmpfs=yes a session of IKE makes one association', 'leave qmpermm out')
  return {
    ...(masterPfs === undefined ? {} : { masterPfs: masterPfs ? 1 : 0 }),
    ...(masterPfs === true ? { quickModeLimit: 1 } : quickModeLimit === undefined ? {} : { quickModeLimit }),
    ...(minutes === undefined ? {} : { seconds: minutes * 60 }),
    ...(methods === undefined ? {} : { methods }),
  }
}

export const setPolicy: NetshCommand = (state, parameters, world) => {
  const store = staticStore(state)
  const policy = chosen(store, 'policy', parameters)
  const name = readNewName(parameters, 'newname', store, 'policy', policy?.id)
  const description = readText(parameters, 'description')
  const isakmp = readIsakmp(parameters)
  const polling = parameters.read('pollinginterval', readNumber(1, LARGEST / 60))
  const isActive = parameters.read('activatedefaultrule', readYes)
  const isAssigned = parameters.read('assign', readYes)
  if (parameters.has('gponame')) parameters.wrong('gponame is of a domain', 'assign the policy of this machine')
  if (policy === undefined || !parameters.isFine) return undefined
  const whenChanged = world.now
  const changed = {
    ...policy,
    whenChanged,
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    content: { ...policy.content, ...(polling === undefined ? {} : { pollingSeconds: polling * 60 }) },
  }
  let next: PolicyStore = withObject(store, changed)
  const ike = objectOf(store, 'isakmp', policy.isakmp)
  if (Object.keys(isakmp).length > 0) {
    if (ike === undefined) return parameters.wrong('the policy has no settings of IKE to change', 'make a new policy')
    const seconds = isakmp.seconds ?? ike.content.seconds
    const methods = (isakmp.methods ?? ike.content.methods).map(method => ({ ...method, seconds }))
    const limit = isakmp.masterPfs === 0 && isakmp.quickModeLimit === undefined ? { quickModeLimit: 0 } : {}
    next = withObject(next, { ...ike, whenChanged, content: { ...ike.content, ...limit, ...isakmp, methods } })
  }
  if (isActive !== undefined) next = withDefaultResponse(next, changed.id, { isActive }, parameters, world)
  if (isAssigned === true) next = { ...next, assigned: policy.id }
  else if (isAssigned === false && next.assigned === policy.id) {
    const { assigned: _, ...rest } = next
    next = rest
  }
  return parameters.isFine ? { state: withStore(state, next) } : undefined
}

interface DefaultResponse {
  readonly isActive?: boolean | undefined
  readonly offers?: readonly QuickModeOffer[] | undefined
  readonly freshKeys?: boolean | undefined
}

function withDefaultResponse(
  store: PolicyStore,
  policy: Guid,
  { isActive, offers, freshKeys }: DefaultResponse,
  parameters: NetshParameters,
  world: NetshWorld,
): PolicyStore {
  const found = defaultResponseOf(store, objectOf(store, 'policy', policy)!)
  if (found === undefined) {
    parameters.wrong('the policy has no default response rule', 'make a new policy')
    return store
  }
  const whenChanged = world.now
  const credentials = readCredentials(parameters)
  const { rule, negotiation } = found
  const content = {
    ...rule.content,
    ...(credentials === undefined ? {} : authenticationOf(ruleContentOf({ credentials }, formOf(rule.content)))),
    ...(isActive === undefined ? {} : { isActive: isActive ? 1 : 0 }),
  }
  const methods = offers ?? negotiation.content.offers
  const pfs = freshKeys === undefined ? methods : methods.map(offer => ({ ...offer, pfs: freshKeys ? 1 : 0 }))
  const action = { ...negotiation, whenChanged, content: { ...negotiation.content, offers: pfs } }
  return withObject(withObject(store, { ...rule, whenChanged, content }), action)
}

function formOf(content: { readonly extension?: unknown }) {
  return content.extension === undefined ? 'windows-2000' : 'windows-vista'
}

function authenticationOf({ authentication, extension }: ReturnType<typeof ruleContentOf>) {
  return { authentication, ...(extension === undefined ? {} : { extension }) }
}

export const setDefaultRule: NetshCommand = (state, parameters, world) => {
  const store = staticStore(state)
  const policy = chosen(store, 'policy', parameters, 'policy')
  const isActive = parameters.read('activate', readYes)
  const freshKeys = parameters.read('qmpfs', readYes)
  const offers = parameters.read('qmsecmethods', text => readQuickModeMethods(text, freshKeys ?? false))
  if (policy === undefined || !parameters.isFine) return undefined
  const next = withDefaultResponse(store, policy.id, { isActive, offers, freshKeys }, parameters, world)
  return parameters.isFine ? { state: withStore(state, next) } : undefined
}

export const addFilterList: NetshCommand = (state, parameters, world) => {
  const store = staticStore(state)
  parameters.needs('name')
  const name = readNewName(parameters, 'name', store, 'filter-list')
  const description = readText(parameters, 'description')
  if (name === undefined || !parameters.isFine) return undefined
  return { state: withStore(state, { ...store, objects: [...store.objects, emptyList(name, description, world)] }) }
}

function emptyList(name: string, description: string | undefined, world: NetshWorld): FilterListObject {
  return newFilterList({ id: newGuid(world), name, description, whenChanged: world.now }, filterListOf([]))
}

export const setFilterList: NetshCommand = (state, parameters, world) => {
  const store = staticStore(state)
  const list = chosen(store, 'filter-list', parameters)
  const name = readNewName(parameters, 'newname', store, 'filter-list', list?.id)
  const description = readText(parameters, 'description')
  if (list === undefined || !parameters.isFine) return undefined
  const changed = {
    ...list,
    whenChanged: world.now,
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
  }
  return { state: withStore(state, withObject(store, changed)) }
}

/** The filters of a list in netsh's words; those that it has none for are left out. */
export function saidFilters(content: FilterListContent): readonly SaidFilter[] {
  const { version1, version2 } = countingFilters(content)
  return [...version1.map(sayVersion1), ...version2.map(sayVersion2)].filter(one => one !== undefined)
}

/** A list that is not there is made, as netsh does. */
export const addFilter: NetshCommand = (state, parameters, world) => {
  const store = staticStore(state)
  if (!parameters.needs('filterlist')) return undefined
  const listName = readText(parameters, 'filterlist') ?? ''
  readText(parameters, 'description')
  const filter = readFilter(parameters)
  if (filter === undefined || !parameters.isFine) return undefined
  const list = named(store, 'filter-list', listName) ?? emptyList(listName, undefined, world)
  if (list.content.filters.length + (list.content.version2?.filters.length ?? 0) >= MOST_FILTERS)
    return parameters.wrong(`the list has ${MOST_FILTERS} filters already`, 'begin another one')
  const content = withFilter(list.content, filter, () => newGuid(world))
  if (content === undefined)
    return parameters.wrong('a range stands beside a server or a mask with gaps', 'write a filter for each subnet')
  const note = warning(parameters.at, 'the list has this filter already', 'it is not added again')
  if (sameFilters(filter, () => newGuid(world))(list.content).length > 0) return { state, notes: [note] }
  return { state: withStore(state, withObject(store, { ...list, whenChanged: world.now, content })) }
}

/** A list's blob stays well below what a registry value may hold. */
const MOST_FILTERS = 10_000

export const deleteFilter: NetshCommand = (state, parameters, world) => {
  const store = staticStore(state)
  const list = chosen(store, 'filter-list', parameters, 'filterlist')
  const filter = readFilter(parameters)
  if (list === undefined || filter === undefined || !parameters.isFine) return undefined
  const gone = new Set(sameFilters(filter, () => newGuid(world))(list.content))
  if (gone.size === 0)
    return { state, notes: [warning(parameters.at, 'the list has no such filter', 'nothing is deleted')] }
  return {
    state: withStore(
      state,
      withObject(store, { ...list, whenChanged: world.now, content: without(list.content, gone) }),
    ),
  }
}

function without(content: FilterListContent, gone: ReadonlySet<Guid>): FilterListContent {
  const counted = countingFilters(content).version1.filter(({ id }) => !gone.has(id)).length
  const filters = content.filters.filter(({ id }) => !gone.has(id))
  const { version2, ...rest } = content
  if (version2 === undefined) return { ...rest, filters }
  const own = version2.filters.filter(({ id }) => !gone.has(id))
  if (own.length === 0) return { ...rest, filters, trailing: filterListOf([]).trailing }
  return { ...rest, filters, version2: { version1Count: counted, filters: own } }
}

export const addFilterAction: NetshCommand = (state, parameters, world) => {
  const store = staticStore(state)
  parameters.needs('name')
  const name = readNewName(parameters, 'name', store, 'negotiation')
  const description = readText(parameters, 'description')
  const empty = newNegotiation({ id: newGuid(world), whenChanged: world.now }, actionGuids.negotiate, [])
  const action = readAction(parameters, empty)
  if (name === undefined || action === undefined || !parameters.isFine) return undefined
  const made = { ...action, name, ...(description === undefined ? {} : { description }) }
  return { state: withStore(state, { ...store, objects: [...store.objects, made] }) }
}

export const setFilterAction: NetshCommand = (state, parameters, world) => {
  const store = staticStore(state)
  const negotiation = chosen(store, 'negotiation', parameters)
  const name = readNewName(parameters, 'newname', store, 'negotiation', negotiation?.id)
  const description = readText(parameters, 'description')
  const action = negotiation === undefined ? undefined : readAction(parameters, negotiation)
  if (action === undefined || !parameters.isFine) return undefined
  const changed = {
    ...action,
    whenChanged: world.now,
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
  }
  return { state: withStore(state, withObject(store, changed)) }
}

/** The filter action with what the parameters change of it. */
function readAction(parameters: NetshParameters, before: NegotiationObject): NegotiationObject | undefined {
  const was = before.action
  const isPlain = was === actionGuids.permit || was === actionGuids.block
  const word = parameters.read('action', readWord('permit', 'block', 'negotiate'))
  const inPass = parameters.read('inpass', readYes) ?? was === actionGuids.acceptUnsecured
  const { offers } = before.content
  const soft = parameters.read('soft', readYes) ?? offers.some(isFallBack)
  const freshKeys = parameters.read('qmpfs', readYes) ?? (offers[0]?.pfs ?? 0) !== 0
  const methods = parameters.read('qmsecmethods', text => readQuickModeMethods(text, freshKeys))
  if (!parameters.isFine) return undefined
  if (word === 'permit' || word === 'block' || (word === undefined && isPlain)) {
    const given = ['qmpfs', 'inpass', 'soft', 'qmsecmethods'].filter(tag => parameters.has(tag))
    // Documented examples say `qmpfs=no` or `inpass=yes` beside permit: without a negotiation they mean nothing.
    const matters = given.includes('qmsecmethods')
    if (matters) return parameters.wrong('qmsecmethods belongs to action=negotiate', 'leave it out')
    const action = word === undefined ? was : actionGuids[word]
    return { ...before, action, content: { ...before.content, offers: [] } }
  }
  const usual = readQuickModeMethods(USUAL_QUICK_MODE, freshKeys)
  const kept = offers.filter(offer => !isFallBack(offer))
  const secured = methods ?? (kept.length > 0 ? kept : usual.ok ? usual.value : [])
  const all = secured.map(offer => ({ ...offer, pfs: freshKeys ? 1 : 0 }))
  const action = inPass ? actionGuids.acceptUnsecured : actionGuids.negotiate
  return { ...before, action, content: { ...before.content, offers: soft ? [...all, fallBackOffer()] : all } }
}
