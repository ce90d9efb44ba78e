from tests.support.apiserver import apiserver as apiserver
from tests.support.apiserver import client as client
from tests.support.apiserver import shared_apiserver as shared_apiserver
from tests.support.etcd import etcd as etcd
from tests.support.storage import opened as opened
