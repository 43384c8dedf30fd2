// The table of commands, in the order in which help shows them.
import type { CommandSpec } from './command.ts'
import { audit } from './commands/audit.ts'

export const commands: readonly CommandSpec[] = [audit]
