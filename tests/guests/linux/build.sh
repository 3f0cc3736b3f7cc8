#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Puts a small Linux guest together from Debian's packages: build.sh DIR [--needed]
#
#     DIR/vmlinux   kernel, for QEMU's -kernel; already unpacked, which saves seconds under TCG
#     DIR/initrd    busybox and the modules that the disk needs
#     DIR/root.img  ext4, only ever mounted read-only, so any number of machines share it
#
# The packages are fetched by apt and unpacked into a directory; nothing is installed, none of their scripts run, and the
# host's own system stays as it is. What is there and still fits these files is kept. --needed: only tells whether there
# is something to do (exit status 0).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
packages="busybox-static udev dbus-daemon xserver-xorg-core xserver-xorg-video-qxl xserver-xorg-input-evdev xkb-data x11-xkb-utils
	spice-vdagent x11-xserver-utils x11-apps xterm xclip"
# What the packages ask for and this guest never uses: package tools, documentation, 3D drivers, icons.
unwanted='^(adduser|adwaita-icon-theme|bsdextrautils|cpp.*|dbus-user-session|debconf|dmsetup|dpkg|groff-base|gtk-update.*|hicolor.*|
	keyboard-configuration|libcryptsetup12|libdevmapper.*|libgl1-mesa-dri|libicu72|libisl23|libllvm15|libmpc3|libmpfr6|libpam.*|libperl.*|
	libz3-4|libxml2|man-db|mount|passwd|perl.*|procps|shared-mime-info|systemd|tar|xserver-common|
	libfdisk1|libsemanage.*|libsepol2|libdb5.3|console-setup.*|xz-utils)$'
boot_modules="virtio_pci virtio_blk ext4 crc32c_generic crc32c_intel"
modules="$boot_modules qxl bochs virtio-gpu virtio_console virtio_input evdev uinput psmouse usbhid uhci-hcd ehci-pci xhci-pci usb-storage
	snd-hda-intel snd-hda-codec-generic virtio-rng"

key=$(cd "$here" && find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -d' ' -f1)
fits() { [ "$(cat "$out/key" 2>/dev/null)" = "$key" ]; }
if [ "${2:-}" = --needed ]; then
	if fits; then exit 1; else exit 0; fi
fi
exec 9>"$out/lock"
flock 9 # several tests may want it at once
fits && exit 0
rm -rf "$out/key" "$out/tree" "$out/boot"
mkdir -p "$out/debs/partial" "$out/tree" "$out/boot"
: >"$out/status" # for apt: a system on which nothing is installed

apt() { apt-get -qq -o Dir::State::status="$out/status" -o Dir::Cache::archives="$out/debs" -o Debug::NoLocking=1 -o APT::Sandbox::User=root "$@"; }
kernel() { apt-cache depends linux-image-amd64 | sed -n 's/ *Depends: \(linux-image-.*\)/\1/p' | head -n1; }
fetch() {
	local kernel names
	kernel=$(kernel) && [ -n "$kernel" ] || return 1
	# shellcheck disable=SC2086
	names=$(apt -s install --no-install-recommends $packages | sed -n 's/^Inst \([^ ]*\) .*/\1/p' |
		grep -Ev "$(printf %s "$unwanted" | tr -d '\n\t')") || return 1
	# shellcheck disable=SC2086
	(cd "$out/debs" && apt download $names "$kernel")
}
rm -f "$out/debs"/*.deb
fetch || { apt-get -qq update && fetch; }

for deb in "$out/debs"/*.deb; do
	dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$out/tree" --no-same-owner --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' \
		--exclude='./usr/share/locale/*' --exclude='./usr/share/icons/*' --exclude='./usr/share/themes/*' --exclude='*/gconv/*' \
		--exclude='./usr/share/bug/*' --exclude='./usr/share/X11/locale/[a-bd-z]*' --keep-directory-symlink
done
rm -rf "$out/debs"
cd "$out/tree"
version=$(ls lib/modules)
busybox=$out/tree/bin/busybox

# The kernel's payload is its last xz stream; what follows it is not part of it, which xz says and does not mind.
offset=$(LC_ALL=C grep -abom1 "$(printf '\3757zXZ')" "boot/vmlinuz-$version" | head -n1 | cut -d: -f1)
tail -c+$((offset + 1)) "boot/vmlinuz-$version" | xz -dc --single-stream >"$out/vmlinux" 2>/dev/null || true
strip -g "$out/vmlinux"

# Only the modules that are named, and what they need.
"$busybox" depmod -b "$out/tree" "$version"
files_of() { # files_of MODULE...: their files below lib/modules/VERSION, what they need first
	local name line
	for name; do
		line=$(sed 's/_/-/g' "lib/modules/$version/modules.dep" | grep -nE "^[^:]*/${name//_/-}\.ko:" | head -n1 | cut -d: -f1)
		[ -n "$line" ] || { echo "no module $name" >&2; return 1; }
		sed -n "${line}p" "lib/modules/$version/modules.dep" | tr -d : | awk '{ for (i = NF; i; i--) print $i }'
	done | awk '!seen[$0]++'
}
# shellcheck disable=SC2086
files_of $modules >"$out/modules"
# shellcheck disable=SC2086
files_of $boot_modules >"$out/boot-modules"
mkdir -p "$out/boot/modules" "$out/boot/bin" "$out/boot/disk" "$out/boot/dev" "$out/boot/proc"
while read -r file; do
	strip -g "lib/modules/$version/$file"
	cp "lib/modules/$version/$file" "$out/boot/modules/"
done <"$out/boot-modules"
sed 's,.*/,,' "$out/boot-modules" >"$out/boot/modules/order"
(cd "lib/modules/$version" && find . -name '*.ko' | sed 's,^\./,,' | grep -vxFf "$out/modules" | xargs rm -f)
find "lib/modules/$version" -name '*.ko' -exec strip -g {} +
"$busybox" depmod -b "$out/tree" "$version"
cp "$busybox" "$out/boot/bin/"
cp "$here/boot-init" "$out/boot/init"
chmod +x "$out/boot/init"
(cd "$out/boot" && find . | "$busybox" cpio -o -H newc 2>/dev/null) >"$out/initrd"

rm -rf boot usr/share/fonts/truetype/dejavu/DejaVuSerif* usr/lib/udev/hwdb.d lib/udev/hwdb.d lib/udev/rules.d usr/lib/udev/rules.d var
mkdir -p dev proc sys tmp run root var lib/udev/rules.d
for applet in $("$busybox" --list); do
	[ -e "bin/$applet" ] || [ -e "usr/bin/$applet" ] || [ -e "sbin/$applet" ] || [ -e "usr/sbin/$applet" ] || ln -s busybox "bin/$applet"
done
cp -r "$here/root/." .
gcc -std=gnu11 -O2 -Wall -Wextra -Werror -o usr/bin/painter "$here/painter.c" "$here/picture.c" -lX11
ldconfig -r . 2>/dev/null
ln -sf /proc/mounts etc/mtab
rm -f "$out/root.img"
mke2fs -q -t ext4 -O ^has_journal -L guest -d . "$out/root.img" "$(($(du -sm . | cut -f1) * 5 / 4 + 16))M" >/dev/null
cd /
rm -rf "$out/tree" "$out/boot" "$out/status" "$out/modules" "$out/boot-modules"
echo "$key" >"$out/key"
