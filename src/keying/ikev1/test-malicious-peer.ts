// A peer for the tests of this folder that has proved itself and then says what it likes: its session is a value in the test's
// hands, and what it sends is written with the keys of that session.
import { type Address, parseAddress } from '../../base/address.ts'
import { seededRandom } from '../../base/random.ts'
import { compile } from '../../policy/compile.ts'
import type { Policy } from '../../policy/model.ts'
import type { PayloadV1 } from '../../wire/ike/v1-payloads.ts'
import type { Credentials } from '../credentials.ts'
import type { KeyingOutput, Path, World } from '../machine.ts'
import { START_DATE, sharedSecret, type TestHost, type TestNet } from '../test-hosts.ts'
import { receive } from './drive.ts'
import { beginMainMode } from './main-mode.ts'
import { tell } from './phase-two.ts'
import { type Established, isEstablished, type Session } from './session.ts'

export class MaliciousPeer {
  readonly address: Address
  readonly world: World
  readonly host: TestHost
  readonly #answers: Uint8Array[] = []
  #session: Session | undefined

  constructor(net: TestNet, host: TestHost, policy: Policy, credentials: Credentials = sharedSecret(policy)) {
    this.host = host
    this.address = parseAddress('10.0.0.9')!
    this.world = {
      now: net.clock.now(),
      date: START_DATE,
      random: seededRandom(99),
      policy: compile(policy, { me: [this.address] }),
      credentials,
      settings: host.settings,
      isSpiTaken: () => false,
    }
    net.tamper = bytes => {
      this.#answers.push(bytes.slice())
      return []
    }
  }

  get path(): Path {
    return { local: { address: this.address, port: 500 }, remote: { address: this.host.address, port: 500 } }
  }

  get session(): Session<Established> {
    if (!isEstablished(this.#session)) throw new Error(`not established: ${this.host.state()}`)
    return this.#session
  }

  set session(session: Session) {
    this.#session = session
  }

  /** Main mode, as everybody has it. */
  prove(): this {
    const begun = beginMainMode({ rule: 'all', wishes: [] }, this.path, this.world)
    if (typeof begun === 'string') throw new Error(begun)
    this.#session = begun.session
    this.#follow(begun.outputs)
    return this
  }

  #follow(outputs: readonly KeyingOutput[]): void {
    for (const answer of this.say(outputs)) {
      const driven = receive(this.#session!, answer, this.path, this.world)
      this.#session = driven.session
      this.#follow(driven.outputs)
    }
  }

  /** What the host answers to what an output sends. */
  say(outputs: readonly KeyingOutput[]): readonly Uint8Array[] {
    this.#answers.splice(0)
    for (const output of outputs) if (output.kind === 'send') this.send(output.bytes)
    return this.#answers.splice(0)
  }

  send(bytes: Uint8Array): void {
    const { local, remote } = this.path
    this.host.input({ kind: 'datagram', path: { local: remote, remote: local }, bytes })
  }

  /** In an informational exchange. */
  tell(...payloads: readonly PayloadV1[]): readonly Uint8Array[] {
    const told = tell(this.session, payloads, this.world)
    this.session = told.session
    return this.say(told.outputs)
  }
}
