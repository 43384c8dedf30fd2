// The files that a machine boots with: a script that loads the guard by nft alone, and two units of systemd. The guard's
// comes before any network and needs no Node; the agent's may do what a data plane needs and nothing else.
import { bootRuleset } from './boot-ruleset.ts'

/** Where the files stand, below the root that is installed to. */
export const bootPlaces = {
  script: '/etc/sealwire/boot-guard',
  rules: '/etc/sealwire/boot.nft',
  firewall: '/etc/sealwire/firewall.nft',
  /** Written by the agent for each policy that it has put in force. */
  lastGood: '/var/lib/sealwire/guard.nft',
  guardUnit: '/etc/systemd/system/sealwire-guard.service',
  agentUnit: '/etc/systemd/system/sealwire.service',
  guardLink: '/etc/systemd/system/sysinit.target.wants/sealwire-guard.service',
  agentLink: '/etc/systemd/system/multi-user.target.wants/sealwire.service',
} as const

/**
 * The rules of the last good policy, or the boot mode's where there has been none. What is there and cannot be loaded is
 * a broken machine, not a new one: then nothing passes, whatever the mode. `root` is for trying it out.
 */
export function bootScript(root = ''): string {
  const { lastGood, rules, firewall } = bootPlaces
  return `#!/bin/sh
# Loads sealwire's net before the network is up: called by sealwire-guard.service. Made by \`sealwire boot install\`.
nft=$(command -v nft) || nft=/usr/sbin/nft
root='${root.replaceAll("'", "'\\''")}'
if [ "\${1:-}" = stop ]; then
  exec "$nft" -f - <<'END'
table inet sealwire
delete table inet sealwire
END
fi
closed() {
  echo "sealwire: $1: nothing passes until the agent has put a policy in force" >&2
  "$nft" -f - <<'END'
${bootRuleset('block', []).text.trimEnd()}
END
}
if [ -e "$root${firewall}" ]; then
  "$nft" -f "$root${firewall}" || { closed "$root${firewall} cannot be loaded"; exit; }
fi
if [ -e "$root${lastGood}" ]; then
  "$nft" -f "$root${lastGood}" || closed "$root${lastGood} cannot be loaded"
else
  "$nft" -f "$root${rules}" || closed "$root${rules} cannot be loaded"
fi
`
}

/** Without the guard the machine does not go on to the network, unless everything may pass anyhow. */
export function guardUnit(isClosing: boolean): string {
  const failing = isClosing
    ? `# Reached only where not even the closed rules could be loaded: better no network than an open one.
OnFailure=emergency.target
OnFailureJobMode=replace-irreversibly
`
    : ''
  return `# Made by \`sealwire boot install\`.
[Unit]
Description=sealwire: what must be sealed leaves only sealed, from before the network on
DefaultDependencies=no
After=local-fs.target systemd-modules-load.service
Before=network-pre.target sysinit.target
Wants=network-pre.target
${failing}
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh ${bootPlaces.script}
# Only when it is stopped by hand: a shutdown does not stop it, so the net outlives the network.
ExecStop=/bin/sh ${bootPlaces.script} stop
CapabilityBoundingSet=CAP_NET_ADMIN CAP_DAC_READ_SEARCH
NoNewPrivileges=yes
ProtectSystem=strict
RestrictAddressFamilies=AF_UNIX AF_NETLINK

[Install]
WantedBy=sysinit.target
`
}

export interface AgentUnit {
  /** The launcher. */
  readonly program: string
  readonly policy: string
}

export function agentUnit({ program, policy }: AgentUnit): string {
  return `# Made by \`sealwire boot install\`.
[Unit]
Description=sealwire: the agent that agrees on keys and seals packets
Wants=sealwire-guard.service
After=sealwire-guard.service network-pre.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
# The guard stays when the agent goes: nothing that must be sealed leaves while it is updated or broken.
ExecStart=${quotedWord(program)} up --policy ${quotedWord(policy)} --state /run/sealwire --keep-guard
Restart=always
RestartSec=1
WatchdogSec=30
TimeoutStartSec=90
TimeoutStopSec=20
KillMode=mixed
OOMScoreAdjust=-500
LimitNOFILE=65536

RuntimeDirectory=sealwire
RuntimeDirectoryMode=0700
# What the agent took of the host is noted there; the next one gives it back after a crash.
RuntimeDirectoryPreserve=yes
StateDirectory=sealwire
StateDirectoryMode=0700
CacheDirectory=sealwire
Environment=NODE_COMPILE_CACHE=/var/cache/sealwire
UMask=0077

# CAP_NET_BIND_SERVICE: IKE's port is 500.
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
DevicePolicy=closed
DeviceAllow=/dev/net/tun rw
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
# Left off, and why: MemoryDenyWriteExecute, since Node's compiler and koffi write code and run it; ProtectKernelTunables,
# since rp_filter is set for the TUN device and put back; PrivateDevices, since /dev/net/tun is a device.

[Install]
WantedBy=multi-user.target
`
}

/** systemd reads % as its own and splits at blanks. */
function quotedWord(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('$', '$$$$')
  return /[\s"'\\;]/.test(text) ? `"${escaped}"` : escaped
}
