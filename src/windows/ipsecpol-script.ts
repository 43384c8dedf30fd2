// Command lines of `ipsecpol` and `ipseccmd` on Windows's own policy objects, and objects as such command lines. With -w REG a
// policy of the machine is made or changed; without, a rule that lasts as long as the agent runs.
import type { Problem } from '../base/result.ts'
import { problem, quoted, warning } from './connection-security-cells.ts'
import {
  type IpsecpolOptions,
  readIpsecpolActions,
  readIpsecpolCredential,
  readIpsecpolFilter,
  readIpsecpolMainMode,
  readIpsecpolOptions,
  readIpsecpolRekey,
} from './ipsecpol-words.ts'
import { tunnelOf, withFilter } from './netsh-filters.ts'
import { readNetshParameters } from './netsh-parameters.ts'
import {
  defaultResponseOf,
  type NetshState,
  type NetshWorld,
  named,
  newGuid,
  rulesNamed,
  rulesOf,
  withoutObjects,
  withStore,
} from './netsh-state.ts'
import { deletePolicy } from './netsh-static-rules.ts'
import type { MainModeMethod } from './policy-blobs.ts'
import { actionGuids, type Guid, typeGuids } from './policy-guids.ts'
import {
  DEFAULT_IKE_SECONDS,
  defaultMainModeMethods,
  defaultResponseOffers,
  fallBackOffer,
  filterListOf,
  interfaceTypes,
  type NewCredential,
  newFilterList,
  newIsakmp,
  newNegotiation,
  newPolicy,
  newRule,
} from './policy-makers.ts'
import { objectOf, type PolicyObject, type PolicyStore, type WindowsObject, withObject } from './policy-objects.ts'

/** The state after one command line; the same one, with problems, where it means nothing. */
export function runIpsecpol(
  words: readonly string[],
  state: NetshState,
  world: NetshWorld,
  at: string,
  problems: Problem[],
): NetshState {
  if (words[0]?.toLowerCase() === 'show' || words[0] === '-file' || words.length === 0) {
    const hint =
      words.length === 0 ? 'write -w REG -p POLICY -r RULE -f FILTER' : 'netsh ipsec static show all shows policies'
    problems.push(problem(at, `${words[0] ?? 'the command alone'} is not done here`, hint))
    return state
  }
  const found: Problem[] = []
  const options = readIpsecpolOptions(words, at, found)
  const line = new Line(options, at, found, world)
  const next = found.length > 0 ? undefined : line.run(state)
  problems.push(...found)
  return next === undefined || found.some(({ severity }) => severity === 'error') ? state : next
}

class Line {
  readonly #options: IpsecpolOptions
  readonly #at: string
  readonly #problems: Problem[]
  readonly #world: NetshWorld

  constructor(options: IpsecpolOptions, at: string, problems: Problem[], world: NetshWorld) {
    this.#options = options
    this.#at = at
    this.#problems = problems
    this.#world = world
  }

  run(state: NetshState): NetshState | undefined {
    if (this.#has('-u')) return withStore(state, { objects: [] }, 'dynamic')
    if (this.#has('-1f'))
      this.#problems.push(warning(this.#at, 'filters of main mode (-1f) are not kept', 'those of -f count'))
    if (this.#has('-1e'))
      this.#problems.push(warning(this.#at, '-1e is not kept', 'a way in clear is asked for anew by time'))
    const store = this.#one('-w')
    if (store === undefined) {
      const needless = ['-p', '-r', '-x', '-y', '-o'].filter(name => this.#has(name))
      if (needless.length > 0) return this.#wrong(`${needless.join(' ')} without -w`, 'write -w REG')
      return this.#dynamic(state)
    }
    if (!/^reg$/i.test(store)) return this.#wrong(`-w ${quoted(store)} is not reached from here`, 'write -w REG')
    return this.#static(state)
  }

  #has(name: string): boolean {
    return this.#options.has(name)
  }

  #one(name: string): string | undefined {
    return this.#options.get(name)?.[0]
  }

  #wrong(what: string, hint = ''): undefined {
    this.#problems.push(problem(this.#at, what, hint))
    return undefined
  }

  #dynamic(state: NetshState): NetshState | undefined {
    const ids = { policy: newGuid(this.#world), name: `dynamic ${newGuid(this.#world).slice(1, 9)}` }
    const made = this.#rule(ids.name)
    const ike = this.#isakmp(undefined)
    if (made === undefined || ike === undefined) return undefined
    const policy = newPolicy({ id: ids.policy, name: ids.name }, { isakmp: ike.id, rules: [made.rule] })
    const { dynamic } = state.stores
    return withStore(state, { ...dynamic, objects: [...dynamic.objects, policy, ike, ...made.objects] }, 'dynamic')
  }

  #static(state: NetshState): NetshState | undefined {
    const whole = this.#one('-p')
    if (whole === undefined) return this.#wrong('-p is missing', 'name the policy')
    // A name may have a colon of its own; only a number behind the last one is for polling.
    const found = /^(.*):(\d{1,7})$/s.exec(whole)
    const [name, minutes] = found === null ? [whole, undefined] : [found[1]!, Number(found[2])]
    if (name.trim() === '' || /[\0\r\n]/.test(name)) return this.#wrong('-p has no name', 'write -p "Name"')
    let next = state.stores.local
    const before = named(next, 'policy', name)
    if (this.#has('-o')) return this.#delete(state, before, name)
    let policy = before ?? this.#newPolicy(name)
    if (minutes !== undefined) policy = { ...policy, content: { ...policy.content, pollingSeconds: minutes * 60 } }
    next = withObject(next, { ...policy, whenChanged: this.#world.now })
    const ike = this.#isakmp(objectOf(next, 'isakmp', policy.isakmp))
    if (ike === undefined) return undefined
    next = withObject(withObject(next, ike), { ...policy, isakmp: ike.id })
    if (this.#options.get('-f')?.length === 1 && this.#one('-f')!.toLowerCase() === 'default')
      next = this.#defaultResponse(next, policy.id)
    else if (this.#has('-f') || this.#has('-r')) {
      const added = this.#withRule(next, policy.id)
      if (added === undefined) return undefined
      next = added
    }
    if (this.#has('-x')) next = { ...next, assigned: policy.id }
    if (this.#has('-y') && next.assigned === policy.id) next = { objects: next.objects }
    return withStore(state, next, 'local')
  }

  #delete(state: NetshState, policy: PolicyObject | undefined, name: string): NetshState {
    if (policy === undefined) {
      this.#problems.push(warning(this.#at, `there is no policy ${quoted(name)}`, 'nothing is deleted'))
      return state
    }
    // Its filter lists and filter actions were made for its rules alone.
    const rules = rulesOf(state.stores.local, policy)
    const parameters = readNetshParameters([`name=${name}`], { tags: ['name'] }, this.#at)
    const without = deletePolicy({ ...state, location: 'local' }, parameters)!.state.stores.local
    const used = new Set(
      without.objects.flatMap(one => (one.kind === 'rule' ? [one.negotiation ?? '', ...one.filterLists] : [])),
    )
    const own = rules.flatMap(rule => [...rule.filterLists, rule.negotiation ?? '']).filter(id => !used.has(id))
    const gone = without.objects.filter(
      ({ id, kind }) => (kind === 'filter-list' || kind === 'negotiation') && own.includes(id),
    )
    return withStore(state, withoutObjects(without, gone), 'local')
  }

  #newPolicy(name: string): PolicyObject {
    return newPolicy({ id: newGuid(this.#world), name, whenChanged: this.#world.now }, { rules: [] })
  }

  #defaultResponse(store: PolicyStore, id: Guid): PolicyStore {
    const policy = objectOf(store, 'policy', id)!
    const found = defaultResponseOf(store, policy)
    if (found !== undefined)
      return withObject(store, { ...found.rule, content: { ...found.rule.content, isActive: 1 } })
    const [rule, negotiation] = [newGuid(this.#world), newGuid(this.#world)]
    const made: readonly WindowsObject[] = [
      newRule({ id: rule }, { negotiation, filterLists: [] }, { credentials: [{ kind: 'kerberos' }] }),
      newNegotiation({ id: negotiation }, actionGuids.negotiate, defaultResponseOffers(), typeGuids.defaultResponse),
    ]
    return withObject({ ...store, objects: [...store.objects, ...made] }, { ...policy, rules: [...policy.rules, rule] })
  }

  /** The rule of that name, made or made anew. */
  #withRule(store: PolicyStore, id: Guid): PolicyStore | undefined {
    const name = this.#one('-r')
    if (name === undefined || name.trim() === '') return this.#wrong('-r is missing', 'name the rule')
    const policy = objectOf(store, 'policy', id)!
    const before = rulesNamed(store, policy, name)[0]
    const made = this.#rule(this.#freeName(store, name, before?.id))
    if (made === undefined) return undefined
    const gone = before === undefined ? [] : partsOf(store, before.id)
    const kept = withoutObjects(store, gone)
    const rules =
      before === undefined
        ? [...policy.rules, made.rule]
        : policy.rules.map(one => (one === before.id ? made.rule : one))
    const objects = made.objects.map(one => (one.kind === 'rule' ? { ...one, name } : one))
    return withObject({ ...kept, objects: [...kept.objects, ...objects] }, { ...policy, rules })
  }

  /** For the filter list and the filter action, whose names are unique. */
  #freeName(store: PolicyStore, name: string, rule: Guid | undefined): string {
    const own = new Set(rule === undefined ? [] : partsOf(store, rule).map(one => one.id))
    const isTaken = (free: string) =>
      (['filter-list', 'negotiation'] as const).some(kind => {
        const found = named(store, kind, free)
        return found !== undefined && !own.has(found.id)
      })
    let free = name
    for (let number = 2; isTaken(free); number++) free = `${name} (${number})`
    return free
  }

  #rule(name: string): { readonly rule: Guid; readonly objects: readonly WindowsObject[] } | undefined {
    const world = this.#world
    let content = filterListOf([])
    if (!this.#has('-f')) return this.#wrong('-f is missing', 'write a filter, such as 0+*')
    for (const text of this.#options.get('-f')!) {
      const filter = readIpsecpolFilter(text)
      if (!filter.ok) this.#wrong(`-f: ${filter.error.what}`, filter.error.hint)
      else content = withFilter(content, filter.value, () => newGuid(world)) ?? content
    }
    const actions = readIpsecpolActions(this.#options.get('-n') ?? [])
    if (!actions.ok) return this.#wrong(`-n: ${actions.error.what}`, actions.error.hint)
    const credentials = (this.#options.get('-a') ?? []).flatMap((word): readonly NewCredential[] => {
      const read = readIpsecpolCredential(word)
      if (!read.ok) this.#wrong(`-a: ${read.error.what}`, read.error.hint)
      return read.ok ? [read.value] : []
    })
    const end = this.#one('-t')
    const tunnel = end === undefined ? undefined : tunnelOf(end)
    if (end !== undefined && tunnel === undefined)
      this.#wrong(`-t ${quoted(end)} is no address`, 'names are not looked up here')
    if (this.#has('-lan') && this.#has('-dialup')) this.#wrong('-lan and -dialup', 'write one of them')
    if (this.#problems.some(({ severity }) => severity === 'error')) return undefined
    const { kind, isInPass, offers } = actions.value
    const guid = kind === 'negotiate' && isInPass ? actionGuids.acceptUnsecured : actionGuids[kind]
    const soft = this.#has('-soft') && kind === 'negotiate' ? [fallBackOffer()] : []
    const [rule, negotiation, list] = [newGuid(world), newGuid(world), newGuid(world)]
    const interfaceType = this.#has('-lan')
      ? interfaceTypes.lan
      : this.#has('-dialup')
        ? interfaceTypes.dialUp
        : interfaceTypes.all
    const head = { name, whenChanged: world.now }
    const objects: readonly WindowsObject[] = [
      newRule(
        { id: rule, ...head },
        { negotiation, filterLists: [list] },
        { credentials: credentials.length > 0 ? credentials : [{ kind: 'kerberos' }], interfaceType, tunnel },
        tunnel instanceof Uint8Array ? 'windows-vista' : 'windows-2000',
      ),
      newNegotiation({ id: negotiation, ...head }, guid, [...offers, ...soft]),
      newFilterList({ id: list, ...head }, content),
    ]
    return { rule, objects }
  }

  /** The settings of IKE with what the line changes of them. */
  #isakmp(before: Extract<WindowsObject, { readonly kind: 'isakmp' }> | undefined) {
    const rekey = this.#has('-1k') ? readIpsecpolRekey(this.#one('-1k')!) : {}
    if (rekey === undefined) return this.#wrong(`-1k ${quoted(this.#one('-1k')!)} is not known`, 'write 10Q/3600S')
    const seconds = rekey.seconds ?? before?.content.seconds ?? 0
    const own = seconds === 0 ? DEFAULT_IKE_SECONDS : seconds
    const methods: MainModeMethod[] = []
    for (const word of this.#options.get('-1s') ?? []) {
      const method = readIpsecpolMainMode(word, own)
      if (method === undefined) return this.#wrong(`-1s ${quoted(word)} is not known`, 'write 3DES-SHA-2')
      methods.push(method)
    }
    const id = before?.id ?? newGuid(this.#world)
    const base =
      before ?? newIsakmp({ id, whenChanged: this.#world.now }, { instance: id, methods: defaultMainModeMethods() })
    const kept = base.content.methods.map(method => ({ ...method, seconds: own }))
    const content = {
      ...base.content,
      seconds,
      ...(rekey.limit === undefined ? {} : { quickModeLimit: rekey.limit }),
      ...(this.#has('-1p') ? { masterPfs: 1, quickModeLimit: 1 } : {}),
      methods: methods.length > 0 ? methods : kept,
    }
    return { ...base, content }
  }
}

/** A rule with the filter list and the filter action that only it uses. */
function partsOf(store: PolicyStore, id: Guid): readonly WindowsObject[] {
  const rule = objectOf(store, 'rule', id)
  if (rule === undefined) return []
  const others = store.objects.filter(one => one.kind === 'rule' && one.id !== id)
  const used = new Set(others.flatMap(one => (one.kind === 'rule' ? [one.negotiation ?? '', ...one.filterLists] : [])))
  const own = [...rule.filterLists, rule.negotiation ?? ''].filter(one => !used.has(one))
  return [rule, ...store.objects.filter(({ id: other }) => own.includes(other))]
}
