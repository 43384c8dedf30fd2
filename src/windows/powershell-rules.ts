// Commands of rules: New-, Set-, Get-, Remove-, Enable- and Disable-NetIPsecRule and -NetIPsecMainModeRule.
import { MOST_ENTRIES, warning } from './connection-security-cells.ts'
import { wellKnownSets } from './connection-security-defaults.ts'
import {
  type ConnectionSecurityRule,
  connectionSecurityRule,
  type MainModeRule,
  mainModeRule,
  type RuleHead,
} from './connection-security-rules.ts'
import type { CallParameters } from './powershell-parameters.ts'
import { changeMainMode, changeRule, mainModeNames, ruleNames } from './powershell-rule-fields.ts'
import type { Command, IPsecSession } from './powershell-session.ts'
import { entriesOf, isLike, type PowerShellValue } from './powershell-value.ts'

function identify(
  session: IPsecSession,
  parameters: CallParameters,
  kind: string,
): { readonly id: string; readonly name: string } | undefined {
  const name = parameters.text('DisplayName')
  if (name === undefined) parameters.wrong('DisplayName', 'a rule needs a name for people')
  const { rules, mainModeRules } = session.policy
  if (rules.length + mainModeRules.length >= MOST_ENTRIES) {
    parameters.wrong('DisplayName', `there are ${MOST_ENTRIES} rules already`, 'take the policy apart')
    return undefined
  }
  const id = parameters.text('Name') ?? session.newId(kind, name ?? '')
  if (parameters.has('Name') && !session.takeId(id)) {
    parameters.wrong('Name', 'something with this name is there already', 'take another, or remove it before')
    return undefined
  }
  return { id, name: name ?? '' }
}

const ruleAliases = { ID: 'Name', IPsecRuleName: 'Name', SecIn: 'InboundSecurity', SecOut: 'OutboundSecurity' }
const mainModeAliases = { ID: 'Name', MainModeRuleName: 'Name' }

const newRule: Command = {
  name: 'New-NetIPsecRule',
  parameters: {
    names: ['DisplayName', 'Name', ...ruleNames],
    switches: [],
    aliases: ruleAliases,
  },
  run: (session, parameters) => {
    const head = identify(session, parameters, 'rule')
    if (head === undefined) return null
    const isSaid = parameters.has('InboundSecurity') || parameters.has('OutboundSecurity')
    if (!isSaid) {
      // The reference says None; Microsoft's own pairs of commands take it for this, which is the safer reading.
      const hint = 'write -InboundSecurity and -OutboundSecurity'
      session.problems.push(
        warning(parameters.at, 'how much is secured is not said: it is read as Require in and Request out', hint),
      )
    }
    const plain = connectionSecurityRule({ ...head, action: isSaid ? 'no-authentication' : 'require-in-request-out' })
    const rule = changeRule(plain, parameters)
    const whole = rule.action === 'no-authentication' ? rule : withDefaults(rule)
    session.add('rules', whole)
    return { kind: 'rule', ...head }
  },
}

/** Sets that a rule does not name are Windows's own. */
function withDefaults(rule: ConnectionSecurityRule): ConnectionSecurityRule {
  const { auth1, auth2, quickMode } = wellKnownSets
  const second = rule.auth2 ?? (rule.auth1 === undefined ? auth2 : undefined)
  return {
    ...rule,
    auth1: rule.auth1 ?? auth1,
    ...(second === undefined ? {} : { auth2: second }),
    quickMode: rule.quickMode ?? quickMode,
  }
}

const newMainModeRule: Command = {
  name: 'New-NetIPsecMainModeRule',
  parameters: { names: ['DisplayName', 'Name', ...mainModeNames], switches: [], aliases: mainModeAliases },
  run: (session, parameters) => {
    const head = identify(session, parameters, 'main-mode-rule')
    if (head === undefined) return null
    const rule = changeMainMode(mainModeRule(head), parameters)
    const { auth1, mainMode } = wellKnownSets
    const whole: MainModeRule = { ...rule, auth1: rule.auth1 ?? auth1, mainMode: rule.mainMode ?? mainMode }
    session.add('mainModeRules', whole)
    return { kind: 'main-mode-rule', ...head }
  },
}

interface RuleKind {
  readonly noun: string
  readonly field: 'rules' | 'mainModeRules'
  readonly kind: 'rule' | 'main-mode-rule'
  readonly aliases: Readonly<Record<string, string>>
  readonly names: readonly string[]
  change(rule: RuleHead, parameters: CallParameters): RuleHead
}

const ruleKinds: readonly RuleKind[] = [
  {
    noun: 'NetIPsecRule',
    field: 'rules',
    kind: 'rule',
    aliases: ruleAliases,
    names: ruleNames,
    change: (rule, parameters) => changeRule(rule as ConnectionSecurityRule, parameters),
  },
  {
    noun: 'NetIPsecMainModeRule',
    field: 'mainModeRules',
    kind: 'main-mode-rule',
    aliases: mainModeAliases,
    names: mainModeNames,
    change: (rule, parameters) => changeMainMode(rule as MainModeRule, parameters),
  },
]

const choosing = ['DisplayName', 'Name', 'DisplayGroup', 'InputObject', 'PolicyStore', 'GPOSession']

function chosen(
  session: IPsecSession,
  kind: RuleKind,
  parameters: CallParameters,
  input: PowerShellValue | undefined,
): ReadonlySet<string> {
  const list: readonly RuleHead[] = session.policy[kind.field]
  if (!session.mayWork(list.length, parameters.at)) return new Set()
  const value = input ?? parameters.value('InputObject')
  const given =
    value === undefined
      ? undefined
      : new Set(
          entriesOf(value).flatMap(one => (typeof one === 'object' && one !== null && 'id' in one ? [one.id] : [])),
        )
  const [name, id, group] = ['DisplayName', 'Name', 'DisplayGroup'].map(one => parameters.text(one))
  const found = list.filter(
    rule =>
      (given === undefined || given.has(rule.id)) &&
      (name === undefined || isLike(rule.name, name)) &&
      (id === undefined || isLike(rule.id, id)) &&
      (group === undefined || isLike(rule.group ?? '', group)),
  )
  return new Set(found.map(rule => rule.id))
}

function changeAll(
  session: IPsecSession,
  kind: RuleKind,
  ids: ReadonlySet<string>,
  change: (rule: RuleHead) => RuleHead | undefined,
): void {
  const list: readonly RuleHead[] = session.policy[kind.field]
  const changed = list.flatMap(rule => (ids.has(rule.id) ? (change(rule) ?? []) : rule))
  session.policy = { ...session.policy, [kind.field]: changed }
}

function kindCommands(kind: RuleKind): readonly Command[] {
  const choose = { names: choosing, switches: ['All'], aliases: kind.aliases }
  const isChosen = (parameters: CallParameters, input: PowerShellValue | undefined) => {
    const isSaid =
      input !== undefined ||
      ['DisplayName', 'Name', 'DisplayGroup', 'InputObject', 'All'].some(name => parameters.has(name))
    if (!isSaid) parameters.wrong('Name', 'which rules are meant is not said', 'write -DisplayName or -Name')
    return isSaid
  }
  const each = (verb: string, change: (rule: RuleHead) => RuleHead | undefined): Command => ({
    name: `${verb}-${kind.noun}`,
    parameters: choose,
    run: (session, parameters, input) => {
      if (!isChosen(parameters, input)) return null
      const ids = chosen(session, kind, parameters, input)
      changeAll(session, kind, ids, change)
      if (verb === 'Remove') for (const id of ids) session.giveBack(id)
      return null
    },
  })
  return [
    {
      name: `Get-${kind.noun}`,
      parameters: choose,
      run: (session, parameters) => {
        const ids = chosen(session, kind, parameters, undefined)
        const list: readonly RuleHead[] = session.policy[kind.field]
        return list.filter(rule => ids.has(rule.id)).map(({ id, name }) => ({ kind: kind.kind, id, name }))
      },
    },
    {
      name: `Set-${kind.noun}`,
      parameters: {
        ...choose,
        names: [...choosing, 'NewDisplayName', ...kind.names.filter(name => !choosing.includes(name))],
      },
      run: (session, parameters, input) => {
        if (!isChosen(parameters, input)) return null
        const ids = chosen(session, kind, parameters, input)
        const name = parameters.text('NewDisplayName')
        if (!session.mayWork(20 * ids.size, parameters.at)) return null
        if (ids.size === 0) session.problems.push(warning(parameters.at, 'no rule is as the command says'))
        changeAll(session, kind, ids, rule => {
          const changed = kind.change(rule, parameters)
          return name === undefined ? changed : { ...changed, name }
        })
        return null
      },
    },
    each('Remove', () => undefined),
    each('Enable', rule => ({ ...rule, active: true })),
    each('Disable', rule => ({ ...rule, active: false })),
  ]
}

export const ruleCommands: readonly Command[] = [newRule, newMainModeRule, ...ruleKinds.flatMap(kindCommands)]
