// The packet engines of this machine behind one object: the quickest that passes its self-test is chosen, and where it
// lacks an algorithm the next one does it. What was not taken is said with the reason.
import type { EngineName, PacketEngine } from './packet-engine.ts'
import type { AhAuthenticator, EspOpener, EspSealer, ProtectionOptions } from './packet-protection.ts'
import type { AhSuite, EspSuite, Suite, SuiteKeys } from './suites.ts'

export interface PacketCrypto {
  readonly name: EngineName
  /** For `status`: the library and its version. */
  readonly description: string
  /** Engines that were not taken, each with the reason. */
  readonly notTaken: readonly { readonly name: EngineName; readonly because: string }[]
  /** Which engines would do a suite's cipher and integrity; empty where none can. */
  enginesFor(suite: Suite): readonly EngineName[]
  sealer(suite: EspSuite, keys: SuiteKeys, options: ProtectionOptions): EspSealer
  opener(suite: EspSuite, keys: SuiteKeys, options: ProtectionOptions): EspOpener
  authenticator(suite: AhSuite, keys: SuiteKeys, options: ProtectionOptions): AhAuthenticator
}

/** Takes the preferred engine where it works here, else the quickest that does. The result can be asked for keyed objects. */
export declare function choosePacketCrypto(preference?: EngineName): PacketCrypto
export type { PacketEngine }
