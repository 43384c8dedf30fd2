// What systemd wants to hear of a service that it starts (sd_notify(3)): that it is ready, that it lives, that it stops.
import { sendServiceNotice } from '../native/service-notice.ts'

export interface ServiceManager {
  ready(text: string): void
  /** To be called at least every few seconds while all is well; the manager hears of it as often as it wants. */
  alive(): void
  reloading(): void
  stopping(): void
}

const nobody: ServiceManager = { ready() {}, alive() {}, reloading() {}, stopping() {} }

/** `environment` as systemd gives it; without NOTIFY_SOCKET nobody listens, and nothing is said. */
export function serviceManager(
  environment: Readonly<Record<string, string | undefined>>,
  failed: (error: unknown) => void,
): ServiceManager {
  const socket = environment['NOTIFY_SOCKET'] ?? ''
  if (socket === '') return nobody
  const hasWatchdog = (environment['WATCHDOG_USEC'] ?? '') !== ''
  const say = (...lines: readonly string[]) => {
    try {
      sendServiceNotice(socket, lines.join('\n'))
    } catch (error) {
      failed(error)
    }
  }
  return {
    ready: text => say('READY=1', `STATUS=${text}`, `MAINPID=${process.pid}`),
    alive: () => {
      if (hasWatchdog) say('WATCHDOG=1')
    },
    reloading: () => say('RELOADING=1'),
    stopping: () => say('STOPPING=1'),
  }
}
