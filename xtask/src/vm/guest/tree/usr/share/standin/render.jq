# The Ignition config of the installed system, out of templates and MachineConfigs: files by path and units by name, where the
# later one wins and drop-ins add up. @NAME@ in a template is the pull spec of that component.

($references[0].spec.tags | map({key: .name, value: .from.name}) | from_entries) as $images
| def filled: reduce ($images + {release: $release} | to_entries[]) as $image (.; split("@\($image.key)@") | join($image.value));
def file($path; $mode; $text):
    {path: $path, mode: $mode, overwrite: true, contents: {source: "data:;base64,\($text | @base64)"}};
def by(f): reduce .[] as $entry ({}; .[$entry | f] = $entry) | [.[]];
def merged_units:
    reduce .[] as $unit ({};
        .[$unit.name] = (.[$unit.name] // {}) + ($unit | del(.dropins))
            + {dropins: ((.[$unit.name].dropins // []) + ($unit.dropins // []))})
    | [.[]];

{
    passwd: {users: [{name: "core"}]},
    storage: {files: (
        ($files | map(file(.path; .mode; .text | filled)))
        + [
            file("/var/lib/kubelet/config.json"; 384; $secret),
            file("/etc/containers/registries.conf"; 420; $registries),
            file("/etc/standin/release-images"; 420;
                ($images | to_entries | map("\(.key) \(.value)\n") | add) + "release \($release)\n"),
            file("/etc/standin/release-tag"; 420;
                "\($release | split("@")[0]):\($references[0].metadata.name)-x86_64\n"),
            file("/etc/ignition-machine-config-encapsulated.json"; 384;
                {metadata: {name: "rendered-master-standin"}, spec: {}} | tojson)
        ]
    )},
    systemd: {units: ($units | map(.contents |= filled))}
} as $base
| [$base] + ($configs | sort_by(.metadata.name) | map(.spec.config))
| {
    ignition: {version: "3.2.0"},
    passwd: {users: (map(.passwd.users[]?) | by(.name))},
    storage: {
        directories: (map(.storage.directories[]?) | by(.path)),
        files: (map(.storage.files[]?) | by(.path)),
        links: (map(.storage.links[]?) | by(.path))
    },
    systemd: {units: (map(.systemd.units[]?) | merged_units)}
}
