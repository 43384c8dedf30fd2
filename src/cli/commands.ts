// The table of commands, in the order in which help shows them.
import type { CommandSpec } from './command.ts'

export const commands: readonly CommandSpec[] = []
