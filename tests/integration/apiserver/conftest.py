from tests.support.etcd import etcd as etcd
