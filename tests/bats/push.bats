#!/usr/bin/env bats
# `pith push`: what it prints is what the providers' tools get when it runs them.

load ../lib/common
bats_require_minimum_version 1.5.0

setup() {
	test_begin
	unset AWS_BUCKET CLOUDSDK_IMAGE_BUCKET VCDATASTORE
	touch x.raw x.vhd x.img.tar.gz x.qcow2 x.vmdk "it's.raw" x-kernel x-initrd.img
	mkdir bin
	# every tool writes down how it was called, and answers with a name
	cat >bin/aws <<-'END'
		#!/bin/sh
		printf '%s' "${0##*/}" >>called
		for word; do printf ' <%s>' "$word"; done >>called
		echo >>called
		echo "answer-$(wc -l <called)"
	END
	for tool in az gcloud openstack scw govc scp; do cp bin/aws bin/$tool; done
	chmod 755 bin/*
}
teardown() { test_end; }

push() { PATH=$PWD/bin:$PATH "$pith" push "$@"; }

@test "each provider's commands are printed, and no tool is called" {
	[ "$(push openstack x.qcow2)" = 'openstack image create --disk-format qcow2 --container-format bare --file x.qcow2 x' ]
	push aws --bucket b "it's.raw" >script
	grep -qxF "aws s3 cp 'it'\\''s.raw' 's3://b/it'\\''s.raw'" script
	push azure --resource-group g --storage-account a x.vhd | grep -qF 'az image create --resource-group g --name x '
	push gcp -bucket b -img-name n -family f -uefi-compatible x.img.tar.gz |
		grep -qxF 'gcloud compute images create n --source-uri gs://b/n.img.tar.gz --family f --guest-os-features UEFI_COMPATIBLE'
	push scaleway --bucket b --zone nl-ams-2 x.qcow2 | grep -qF 'aws s3 cp --endpoint-url https://s3.nl-ams.scw.cloud x.qcow2 s3://b/x.qcow2'
	push equinixmetal --base-url http://h/d --destination h:/srv x | grep -qxF 'scp x-kernel x-initrd.img x-packet.ipxe h:/srv'
	VCDATASTORE=d push vcenter x.vmdk | grep -qxF 'govc import.vmdk -ds d x.vmdk x'
	[ ! -e called ]
}

@test "--run runs them, with the answers of one in the next, and stops at the first that fails" {
	AWS_BUCKET=b push aws --run --ena --img-name 'a name' "it's.raw"
	diff called - <<-'END'
		aws <s3> <cp> <it's.raw> <s3://b/a name.raw>
		aws <ec2> <import-snapshot> <--description> <a name> <--disk-container> <{"Description":"a name","Format":"raw","UserBucket":{"S3Bucket":"b","S3Key":"a name.raw"}}> <--query> <ImportTaskId> <--output> <text>
		aws <ec2> <wait> <snapshot-imported> <--import-task-ids> <answer-2>
		aws <ec2> <describe-import-snapshot-tasks> <--import-task-ids> <answer-2> <--query> <ImportSnapshotTasks[0].SnapshotTaskDetail.SnapshotId> <--output> <text>
		aws <ec2> <register-image> <--name> <a name> <--architecture> <x86_64> <--virtualization-type> <hvm> <--root-device-name> </dev/sda1> <--block-device-mappings> <DeviceName=/dev/sda1,Ebs={SnapshotId=answer-4}> <--ena-support>
	END
	rm called
	push equinixmetal --run --base-url http://h/d --destination h:/srv x
	[ "$(cat called)" = 'scp <x-kernel> <x-initrd.img> <x-packet.ipxe> <h:/srv>' ]
	grep -qx 'kernel ${base-url}/x-kernel ip=dhcp initrd=x-initrd.img' x-packet.ipxe
	printf '#!/bin/sh\necho no login >&2\nexit 3\n' >bin/az
	run --separate-stderr push azure --run --resource-group g --storage-account a x.vhd
	[ "$status" -eq 3 ]
	[ "$stderr" = 'no login' ]
}

@test "what is lacking is one line: an option, a file, a provider" {
	local row
	while IFS='|' read -r row want; do
		# shellcheck disable=SC2086
		run --separate-stderr push $row
		[ "$status" -eq "${want%% *}" ]
		[[ $stderr == *"${want#* }"* && $(wc -l <<<"$stderr") -eq 1 ]] || { echo "$row: $stderr"; return 1; }
	done <<-'END'
		aws x.raw|2 a bucket of S3 is needed: --bucket NAME, or AWS_BUCKET
		aws --bucket b none.raw|1 none.raw: No such file or directory
		azur x.vhd|2 azure
		azure --resource-group g x.vhd|2 --storage-account NAME
		openstack x-kernel|2 of what format?
		vcenter x.vmdk|2 --datastore NAME
		aws --bucket b|2 push aws takes one file
	END
}
