// What the lab sets in every controller's smb.conf, as options for samba-tool, and why.

const settings: Readonly<Record<string, string>> = {
  // Without both, Samba listens on wildcard addresses and answers from any of them.
  interfaces: 'lo eth0',
  'bind interfaces only': 'yes',
  // The partners find out about each other in one minute and not in five.
  'kccsrv:periodic_interval': '60',
  // Nobody is asked for names of other domains: there is no way out.
  'dns forwarder': '',
  'log level': '1',
}

export const configurationOptions: readonly string[] = Object.entries(settings).map(
  ([name, value]) => `--option=${name}=${value}`,
)
