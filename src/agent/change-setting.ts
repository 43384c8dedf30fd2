// Another value of the setting of default exemptions, asked for by a page: written into the agent's registry as `sealwire reg
// add` writes it, with the store's lock and backup, and in force before the answer. What the agent then refuses is taken back.
import { failure, type Problem, success } from '../base/result.ts'
import { EXPECTED } from '../monitor/setting-change.ts'
import { settingOf } from '../policy/profiles.ts'
import { keyAt, type RegistryChange, valueIn } from '../settings/registry.ts'
import { dwordValue } from '../settings/value.ts'
import type { Agent } from './agent.ts'
import { type Answer, type Command, refusal } from './control-protocol.ts'
import { settingKey, withRegistry } from './registry-settings.ts'
import { notHonoured, whyFixed } from './setting-preview.ts'

type ChangeSetting = Extract<Command, { kind: 'change-setting' }>

export async function changeSetting(agent: Agent, { value, expected, by }: ChangeSetting): Promise<Answer> {
  const { compiled, loaded } = agent.inForce
  const { registry } = agent.parts
  const { name } = compiled.setting
  const fixed = whyFixed(compiled)
  if (name === undefined || fixed !== undefined) return refusal(fixed ?? '', '', 'the setting')
  if (registry === undefined) return refusal('it has no registry', '', 'the agent')
  if (compiled.setting.value !== expected) return refused([notExpected(compiled.setting.value, expected)])
  if (!compiled.profile.table.has(value)) return refused([notHonoured(compiled, value)])
  let undo: RegistryChange | undefined
  const changed = await registry.change(root => {
    // Somebody may have written it a moment ago, and the agent is about to take that.
    const now = settingOf(withRegistry(loaded.policy, root)).value
    if (now !== expected) return failure([notExpected(now, expected)])
    const key = settingKey(root, name)
    const there = keyAt(root, key)
    const before = there && valueIn(there, name)
    undo = before === undefined ? { kind: 'delete-value', key, name } : { kind: 'set', key, value: before }
    return success([{ kind: 'set', key, value: dwordValue(name, value) }])
  })
  if (!changed.ok) return refused(changed.error)
  const reloaded = await agent.reload()
  if (!reloaded.ok) {
    if (undo !== undefined) await registry.change(() => success([undo!]))
    return refused([...reloaded.error, takenBack])
  }
  const { backup } = changed.value
  const text = `${name} was ${expected} and is ${value} now: changed by ${by}.`
  const fields = { setting: name, before: expected, value, by, backup: backup?.number ?? null }
  agent.tell({ level: 'info', kind: 'setting-changed', text, fields })
  return { kind: 'fine', value: null }
}

const takenBack: Problem = {
  ...{
    severity: 'warning',
    where: 'the registry',
    what: 'the change is taken back: the agent did not take the policy with it',
  },
  hint: '',
}

function notExpected(now: number, expected: number): Problem {
  const hint = 'look again before it is changed'
  return { severity: 'error', where: EXPECTED, what: `${now} is in force by now, not ${expected}`, hint }
}

function refused(problems: readonly Problem[]): Answer {
  return { kind: 'refused', problems }
}
