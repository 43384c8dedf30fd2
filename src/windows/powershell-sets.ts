// Commands of sets: New-, Get- and Remove- of the four kinds, NetIPsecPhase1AuthSet and its like. With -Default a set takes
// the place of Windows's own.
import { wellKnownSets } from './connection-security-defaults.ts'
import type {
  AuthProposal,
  AuthSet,
  ConnectionSecurityPolicy,
  DefaultSets,
  MainModeProposal,
  MainModeSet,
  QuickModeProposal,
  QuickModeSet,
  SetHead,
} from './connection-security-rules.ts'
import { freshKeyWords } from './connection-security-words.ts'
import type { CallParameters } from './powershell-parameters.ts'
import { tableWord } from './powershell-proposals.ts'
import type { Command } from './powershell-session.ts'
import { entriesOf, isLike, type ObjectKind, type PowerShellObject, type PowerShellValue } from './powershell-value.ts'

type SetField = 'auth1Sets' | 'auth2Sets' | 'mainModeSets' | 'quickModeSets'

interface SetKind {
  readonly noun: string
  readonly kind: ObjectKind
  readonly field: SetField
  readonly wellKnown: keyof DefaultSets
  readonly proposals: PowerShellObject['kind']
  readonly names: readonly string[]
  /** What of the set is not its proposals. */
  own(parameters: CallParameters): object
}

const kinds: readonly SetKind[] = [
  {
    noun: 'NetIPsecPhase1AuthSet',
    kind: 'auth1-set',
    field: 'auth1Sets',
    wellKnown: 'auth1',
    proposals: 'auth-proposal',
    names: [],
    own: () => ({}),
  },
  {
    noun: 'NetIPsecPhase2AuthSet',
    kind: 'auth2-set',
    field: 'auth2Sets',
    wellKnown: 'auth2',
    proposals: 'auth-proposal',
    names: [],
    own: () => ({}),
  },
  {
    noun: 'NetIPsecMainModeCryptoSet',
    kind: 'main-mode-set',
    field: 'mainModeSets',
    wellKnown: 'mainMode',
    proposals: 'main-mode-proposal',
    names: ['ForceDiffieHellman', 'MaxMinutes', 'MaxSessions'],
    own: parameters => {
      const minutes = parameters.number('MaxMinutes', 1, 2880)
      const sessions = parameters.number('MaxSessions', 0, 2147483647)
      return {
        forceDiffieHellman: parameters.boolean('ForceDiffieHellman') ?? false,
        ...(minutes === undefined ? {} : { minutes }),
        ...(sessions === undefined ? {} : { sessions }),
      }
    },
  },
  {
    noun: 'NetIPsecQuickModeCryptoSet',
    kind: 'quick-mode-set',
    field: 'quickModeSets',
    wellKnown: 'quickMode',
    proposals: 'quick-mode-proposal',
    names: ['PerfectForwardSecrecyGroup'],
    own: parameters => ({ freshKeys: tableWord(parameters, 'PerfectForwardSecrecyGroup', freshKeyWords) ?? 'none' }),
  },
]

function newSetCommand(kind: SetKind): Command {
  return {
    name: `New-${kind.noun}`,
    parameters: {
      names: ['DisplayName', 'Description', 'Group', 'Name', 'PolicyStore', 'GPOSession', 'Proposal', ...kind.names],
      switches: ['Default'],
      aliases: { ID: 'Name' },
    },
    run: (session, parameters) => {
      const name = parameters.text('DisplayName')
      if (name === undefined) parameters.wrong('DisplayName', 'a set needs a name for people')
      const id = parameters.isOn('Default')
        ? wellKnownSets[kind.wellKnown]
        : (parameters.text('Name') ?? session.newId(kind.kind, name ?? ''))
      if ((parameters.isOn('Default') || parameters.has('Name')) && !session.takeId(id)) {
        parameters.wrong(
          parameters.has('Name') ? 'Name' : 'Default',
          'something with this name is there already',
          'remove it before',
        )
        return null
      }
      const [description, group] = [parameters.text('Description'), parameters.text('Group')]
      const head: SetHead = {
        id,
        ...(name === undefined ? {} : { name }),
        ...(description === undefined ? {} : { description }),
        ...(group === undefined ? {} : { group }),
        other: [],
      }
      const proposals = proposalsOf(parameters, kind)
      const set = { ...head, proposals, ...kind.own(parameters) } as AuthSet & MainModeSet & QuickModeSet
      session.add(kind.field, set)
      return { kind: kind.kind, id, name: name ?? '' }
    },
  }
}

function proposalsOf(
  parameters: CallParameters,
  kind: SetKind,
): readonly (AuthProposal | MainModeProposal | QuickModeProposal)[] {
  const objects = parameters.objects('Proposal')
  const proposals = objects.flatMap(object =>
    object !== null && typeof object === 'object' && object.kind === kind.proposals && 'proposal' in object
      ? [object.proposal]
      : [],
  )
  if (proposals.length < objects.length || objects.length === 0) {
    parameters.wrong(
      'Proposal',
      `it takes what a New- command for a ${kind.proposals} gives`,
      'put them into variables above',
    )
  }
  return proposals
}

function getSetCommand(kind: SetKind): Command {
  return {
    name: `Get-${kind.noun}`,
    parameters: {
      names: ['DisplayName', 'Name', 'PolicyStore', 'GPOSession'],
      switches: ['All'],
      aliases: { ID: 'Name' },
    },
    run: (session, parameters) =>
      session.mayWork(session.policy[kind.field].length, parameters.at)
        ? chosenSets(session.policy, kind, parameters, undefined)
        : null,
  }
}

function removeSetCommand(kind: SetKind): Command {
  return {
    name: `Remove-${kind.noun}`,
    parameters: {
      names: ['DisplayName', 'Name', 'InputObject', 'PolicyStore', 'GPOSession'],
      switches: ['All'],
      aliases: { ID: 'Name' },
    },
    run: (session, parameters, input) => {
      if (!session.mayWork(session.policy[kind.field].length, parameters.at)) return null
      const chosen = chosenSets(session.policy, kind, parameters, input ?? parameters.value('InputObject'))
      const ids = new Set(chosen.map(({ id }) => id.toLowerCase()))
      const sets: readonly SetHead[] = session.policy[kind.field]
      session.policy = { ...session.policy, [kind.field]: sets.filter(({ id }) => !ids.has(id.toLowerCase())) }
      for (const { id } of chosen) session.giveBack(id)
      return null
    },
  }
}

function chosenSets(
  policy: ConnectionSecurityPolicy,
  kind: SetKind,
  parameters: CallParameters,
  input: PowerShellValue | undefined,
): readonly { readonly kind: ObjectKind; readonly id: string; readonly name: string }[] {
  const sets: readonly SetHead[] = policy[kind.field]
  const given =
    input === undefined
      ? undefined
      : new Set(
          entriesOf(input).flatMap(one =>
            typeof one === 'object' && one !== null && 'id' in one ? [one.id.toLowerCase()] : [],
          ),
        )
  const [name, id] = [parameters.text('DisplayName'), parameters.text('Name')]
  return sets
    .filter(set => given === undefined || given.has(set.id.toLowerCase()))
    .filter(set => name === undefined || isLike(set.name ?? '', name))
    .filter(set => id === undefined || isLike(set.id, id))
    .map(set => ({ kind: kind.kind, id: set.id, name: set.name ?? '' }))
}

export const setCommands: readonly Command[] = kinds.flatMap(kind => [
  newSetCommand(kind),
  getSetCommand(kind),
  removeSetCommand(kind),
])
