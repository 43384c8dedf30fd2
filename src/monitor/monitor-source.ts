// What a page asks of an agent, wherever it is served: by the agent itself, or by a process that reaches it over its control
// socket.
import type { Problem, Result } from '../base/result.ts'
import type { AgentStatus } from './agent-status.ts'
import type { PolicyView } from './policy-view.ts'
import type { SettingChange, SettingPreview } from './setting-change.ts'
import type { Level, ToldEvent } from './told-event.ts'

export type Asked<T> = Promise<Result<T, readonly Problem[]>>

export interface MonitorSource {
  /** Rejects, with words for a person, where the agent does not answer. */
  status(): Promise<AgentStatus>
  /** Hears of events of this level and above until the answer is called. Details are described only where somebody hears them. */
  listen(least: Level, hear: (event: ToldEvent) => void): () => void
  policy(): Asked<PolicyView>
  /** Left out: of the value that is in force. */
  preview(value: number | undefined): Asked<SettingPreview>
  /** Resolves once the agent has it. */
  change(change: SettingChange): Asked<void>
}
