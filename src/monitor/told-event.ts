// One event of an agent, for everybody: the log writes it, subscribers of the control socket get it, the monitor folds it.
// Nothing in it is a secret, and everything in it can be written as JSON.

export type Level = 'debug' | 'info' | 'warning' | 'error'

/** Plain values only: what JSON cannot say has been put into words. */
export type Fields = Readonly<Record<string, string | number | boolean | null | readonly string[]>>

export interface AgentEvent {
  readonly level: Level
  /** One word, or words with hyphens, that stays the same between versions: `session-established`, `policy-refused`. */
  readonly kind: string
  /** One line for a person. */
  readonly text: string
  readonly fields?: Fields
}

/** The same with the time: seconds since 1970. */
export interface ToldEvent extends AgentEvent {
  readonly at: number
}
