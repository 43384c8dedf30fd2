// The agent as `sealwire up` starts it, with numbers that no policy and no option can set: `POLICY STATE KEYING`, the last one
// as JSON of what differs from the default settings of keying.
import { startAgent } from '../../src/agent/start.ts'
import type { KeyingSettings } from '../../src/keying/keying-settings.ts'

const [policy, state, keying] = process.argv.slice(2) as [string, string, string]
const options = { policy, state, guard: true, keepGuard: false, least: 'info' } as const
const started = await startAgent({ ...options, keying: JSON.parse(keying) as Partial<KeyingSettings> })
if (started.kind === 'refused') {
  console.error(JSON.stringify(started.problems))
  process.exit(3)
}
await started.finished
